"""Waiting for what happens soon: asked again and again, up to a deadline that only a failure reaches."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

DEADLINE_SECONDS = 60
_PAUSE_SECONDS = 0.02

Found = TypeVar("Found")


async def until(
    probe: Callable[[], Awaitable[Found]], accept: Callable[[Found], bool] = bool, *, seconds: float = DEADLINE_SECONDS
) -> Found:
    """The first value of `probe` that is accepted.

    Raises:
        AssertionError: there was none in time; it says what there was instead.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not accept(found := await probe()):
        assert loop.time() < deadline, f"still {found!r} after {seconds} s"
        await asyncio.sleep(_PAUSE_SECONDS)
    return found
