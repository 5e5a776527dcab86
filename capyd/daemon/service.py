"""What the service manager hears of the daemon: that it is ready, what it does, and that it still gets on."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from capyd.daemon.engine import Engine
from capyd.domain.jobs import JobState
from capyd.runtime.notify import ServiceManager
from capyd.sqlite.counts import count_objects
from capyd.sqlite.database import Database
from capyd.sqlite.jobs import count_open_jobs

# How often somebody looks when no watchdog sets the pace.
_PACE: Final = timedelta(seconds=10)
_STARTING_MAY_TAKE: Final = timedelta(seconds=60)


class Service:
    """Tells a service manager of progress that was really made.

    The watchdog is fed after a turn in which the event loop, the runner and the writer of the state have each
    answered. When one of them hangs, so does the turn, and the service manager starts the daemon anew.
    """

    def __init__(
        self,
        service_manager: ServiceManager,
        *,
        until_progress: Callable[[], Awaitable[None]],
        status: Callable[[], Awaitable[str]],
    ) -> None:
        self._service_manager = service_manager
        self._until_progress = until_progress
        self._status = status
        self._changed = asyncio.Event()
        self._is_ready = False

    async def cluster_is_ready(self) -> None:
        """The cluster was prepared: with that, everything is there."""
        self._is_ready = True
        self._changed.set()

    async def run(self) -> None:
        """Tell, until cancelled; nothing at all when nobody listens."""
        if not self._service_manager.is_there:
            await asyncio.Event().wait()
        patience = self._service_manager.patience
        pace = _PACE if patience is None else patience / 3
        told_ready = False
        while True:
            self._changed.clear()
            await self._until_progress()
            self._service_manager.alive(starting_may_take=_STARTING_MAY_TAKE)
            self._service_manager.status(await self._status())
            if self._is_ready and not told_ready:
                told_ready = self._service_manager.ready()
            try:
                await asyncio.wait_for(self._changed.wait(), pace.total_seconds())
            except TimeoutError:
                continue


async def until_progress(engine: Engine, database: Database) -> None:
    """Return when what must never stand still has moved: a hang in it is a hang here."""
    await engine.runner.until_passed()
    await database.until_writer_answers()


async def describe(engine: Engine, database: Database) -> str:
    """What the daemon does just now, in one line."""
    async with database.reading() as reads:
        objects, jobs = await count_objects(reads), await count_open_jobs(reads)
    work = f"{jobs.get(JobState.RUNNING, 0)} jobs running, {jobs.get(JobState.PENDING, 0)} pending"
    trouble = engine.cluster.trouble
    if trouble is not None:
        return f"waiting for PostgreSQL ({trouble}); {work}"
    return f"serving {objects.projects} projects of {objects.organizations} organizations; {work}"
