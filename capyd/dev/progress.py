"""What the person at the terminal sees while it works."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape


class Progress:
    """One line a step: with a spinner while it lasts on a terminal, plain in a log."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def hang_up(self) -> None:
        """The terminal is gone: nothing more is written to it."""
        self._console.quiet = True

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """A step that takes a while. Its line is printed when it is done; a failure prints none."""
        started = time.monotonic()
        if self._console.is_terminal and not self._console.quiet:
            with self._console.status(escape(text)):
                yield
        else:
            yield
        seconds = time.monotonic() - started
        self._console.print(f"[green]✓[/] {escape(text)} [dim]({seconds:.1f} s)[/]", highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """Something to know."""
        self._console.print(f"[yellow]•[/] {escape(text)}", highlight=False, soft_wrap=True)

    def show(self, text: str) -> None:
        """Text as it is, to be copied."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
