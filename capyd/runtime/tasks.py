"""Named background tasks that nobody forgets: the first to end by itself brings the process down."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from capyd.runtime.logs import get_logger

logger = get_logger(__name__)

_CANCEL_AGAIN_SECONDS = 1.0


class Tasks:
    """The long-running tasks of one process.

    A task is expected to run until it is cancelled. When one ends or raises, `wait` returns with its
    failure and the process stops: a service manager restarts it in a known state, where a daemon that
    lost a limb would go on half working.
    """

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[None], str] = {}
        self._told: asyncio.Task[None] | None = None

    def start(self, name: str, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run `coroutine` under `name`, watched."""
        self._tasks[asyncio.create_task(coroutine, name=name)] = name

    async def wait(self) -> None:
        """Return never, or raise what the first task to end failed with.

        Raises:
            TaskEndedError: a task ended; the cause is what it raised, if it raised.
        """
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        first = next(iter(done))
        self._told = first
        raise TaskEndedError(f"the task {self._tasks[first]} ended by itself") from first.exception()

    async def until(self, stop: asyncio.Event) -> None:
        """Return when asked to stop.

        Raises:
            TaskEndedError: a task ended before that.
        """
        stopping = asyncio.create_task(stop.wait())
        failing = asyncio.create_task(self.wait())
        try:
            await asyncio.wait((stopping, failing), return_when=asyncio.FIRST_COMPLETED)
            if failing.done():
                await failing
        finally:
            stopping.cancel()
            failing.cancel()

    async def stop(self) -> None:
        """Cancel all tasks, the latest first, and wait until they are gone."""
        for task in reversed(list(self._tasks)):
            if task is self._told:
                continue  # whoever waited knows what it failed with
            await _end(task)
            if not task.cancelled() and task.exception() is not None:
                logger.error("task.failed", task=self._tasks[task], exc_info=task.exception())
        self._tasks.clear()


async def _end(task: asyncio.Task[None]) -> None:
    """Cancel it until it is gone: a task that fails in the moment of its cancellation may take that for its own to
    handle, as a TaskGroup does (Python 3.11), and go on.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_CANCEL_AGAIN_SECONDS)


class TaskEndedError(Exception):
    """A task that must run for ever has ended."""
