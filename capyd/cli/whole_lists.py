"""Lists come in pages; a command shows the whole."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar


class _Page(Protocol):
    """The answer of a list method."""

    next_page_token: str

    def MergeFrom(self, other: Any, /) -> None: ...  # noqa: N802  (protobuf's name)


Page = TypeVar("Page", bound=_Page)


async def list_whole(list_page: Callable[[str], Awaitable[Page]]) -> Page:
    """All pages of a list as one answer. `list_page` is given the token of a page; the first one's is empty."""
    whole = await list_page("")
    while token := whole.next_page_token:
        whole.next_page_token = ""
        whole.MergeFrom(await list_page(token))
    return whole
