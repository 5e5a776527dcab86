"""Pages of a list: a size, and a token that says where the next one begins."""

import base64
import binascii
from dataclasses import dataclass
from typing import Generic, TypeVar

from capyd.domain.errors import InvalidError

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1000
DEFAULT_LIMIT = 25
MAX_LIMIT = 1000
"""Of lists that REST shows the newest of: how many in all, in however many pages they come."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page is wanted. `after` is the key of the last object of the page before; None: the first page."""

    size: int
    after: tuple[int, str] | None


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page. An empty `next_token`: the last one."""

    items: list[Item]
    next_token: str


def parse_page_request(size: int, token: str) -> PageRequest:
    """The page that a request's `page_size` (0: the default) and `page_token` (empty: the first) ask for.

    Raises:
        InvalidError: a negative size, or a token that no list gave out.
    """
    if size < 0:
        raise InvalidError("page_size must not be negative", field="page_size")
    return PageRequest(min(size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE), _parse_token(token) if token else None)


def check_limit(limit: int | None) -> int:
    """How many of a list are wanted in all; None: 25.

    Raises:
        InvalidError: a limit that cannot be.
    """
    wanted = DEFAULT_LIMIT if limit is None else limit
    if not 1 <= wanted <= MAX_LIMIT:
        raise InvalidError(f"limit must be from 1 to {MAX_LIMIT}", field="limit")
    return wanted


def next_page_token(moment: int, object_id: str) -> str:
    """The token of the page after the object with this creation moment (microseconds) and id."""
    return base64.urlsafe_b64encode(f"{moment}:{object_id}".encode()).decode().rstrip("=")


def _parse_token(token: str) -> tuple[int, str]:
    try:
        padded = token.encode() + b"=" * (-len(token) % 4)
        moment, _, object_id = base64.b64decode(padded, altchars=b"-_", validate=True).decode().partition(":")
        return int(moment), object_id
    except (binascii.Error, ValueError) as error:
        raise InvalidError("page_token is not one that a list gave out", field="page_token") from error
