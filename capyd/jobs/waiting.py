"""Wakes the jobs that wait for a server."""

from collections.abc import Callable

from capyd.runtime.clock import Clock
from capyd.sqlite.database import Database
from capyd.sqlite.job_moves import wake_waiting_jobs


class WaitingJobs:
    """Whoever finds a server answering again calls `wake`."""

    def __init__(self, *, database: Database, wake_runner: Callable[[], None], clock: Clock) -> None:
        self._database = database
        self._wake_runner = wake_runner
        self._clock = clock

    async def wake(self) -> None:
        """Make them due now."""
        async with self._database.transaction() as tx:
            if await wake_waiting_jobs(tx, now=self._clock()):
                tx.after_commit(self._wake_runner)
