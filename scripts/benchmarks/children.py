"""Processes of the benchmark's own, ended with the block that needs them."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.benchmark import BenchmarkError

_STOP_SECONDS = 60
_LOG_LINES = 15


class Child:
    """A running process, and the file that it writes to."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log

    async def until_written(self, path: Path, *, seconds: float) -> str:
        """Wait until the process has put the file `path` there, and return its text.

        Raises:
            BenchmarkError: it ended, or did not do it in time.
        """
        try:
            async with asyncio.timeout(seconds):
                while (text := self._look_for(path)) is None:  # noqa: ASYNC110  (a file's coming wakes nobody)
                    await asyncio.sleep(0.02)
                return text
        except TimeoutError:
            raise BenchmarkError(f"a child was not ready within {seconds:g} s:\n{self._said()}") from None

    def _look_for(self, path: Path) -> str | None:
        if path.exists():
            return path.read_text()
        if self._process.poll() is not None:
            raise BenchmarkError(f"a child ended with status {self._process.returncode}:\n{self._said()}")
        return None

    def _said(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-_LOG_LINES:])


@asynccontextmanager
async def running(argv: Sequence[str], *, log: Path) -> AsyncIterator[Child]:
    """Run a program during the block; it is asked to stop at the end, and waited for."""
    process = _start(argv, log)
    try:
        yield Child(process, log)
    finally:
        process.terminate()
        await asyncio.shield(asyncio.to_thread(_wait, process))


def _start(argv: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        # In a session of its own: Ctrl-C is for the benchmark, which then stops its children in order.
        # Not by the event loop: uvloop's fork disturbs gRPC's threads, which say so on standard error.
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)


def _wait(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
