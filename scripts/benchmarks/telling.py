"""What the person who waits sees meanwhile."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

_LOG_SECONDS = 10.0
"""In a log, which grows, a line is written this often at most."""


class Telling:
    """One line that changes on a terminal, now and then another line in a log."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def about(self, name: str) -> Iterator[Callable[[str], None]]:
        """During the block its value tells what is being done."""
        if self._console.is_terminal:
            with self._console.status(name) as status:
                yield lambda doing: status.update(f"{name}: {doing}")
            return
        told_at = float("-inf")

        def tell(doing: str) -> None:
            nonlocal told_at
            if time.monotonic() - told_at >= _LOG_SECONDS:
                told_at = time.monotonic()
                self._console.print(f"{name}: {doing}", highlight=False)

        yield tell
