"""What the person who waits sees meanwhile."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

_LOG_SECONDS = 10.0


@contextmanager
def telling(console: Console) -> Iterator[Callable[[str], None]]:
    """A line that changes on a terminal; in a log, which grows, another line now and then."""
    if console.is_terminal:
        with console.status("starting") as status:
            yield status.update
        return
    told_at = float("-inf")

    def tell(doing: str) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= _LOG_SECONDS:
            told_at = time.monotonic()
            console.print(doing, highlight=False)

    yield tell
