"""Forgets jobs that were finished long ago."""

from datetime import timedelta

from capyd.runtime.clock import Clock
from capyd.sqlite.database import Database
from capyd.sqlite.job_moves import delete_final_jobs

_BATCH = 1000  # a transaction holds the write lock for as long as it takes: a few milliseconds


class Pruner:
    """Deletes final jobs older than `keep`."""

    def __init__(self, *, database: Database, keep: timedelta, clock: Clock) -> None:
        self._database = database
        self._keep = keep
        self._clock = clock

    async def prune(self) -> int:
        """One pass, in batches; how many were deleted."""
        total = 0
        while True:
            async with self._database.transaction() as tx:
                deleted = await delete_final_jobs(tx, completed_before=self._clock() - self._keep, limit=_BATCH)
            total += deleted
            if deleted < _BATCH:
                return total
