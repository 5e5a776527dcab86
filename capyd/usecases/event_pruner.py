"""Forgets events that nobody came for."""

from capyd.config.settings import EventSettings
from capyd.runtime.clock import Clock
from capyd.sqlite.database import Database
from capyd.sqlite.events import prune_events

_BATCH = 2000  # a transaction holds the write lock for as long as it takes: a few milliseconds


class EventPruner:
    """Deletes events that are too old, and the oldest of too many."""

    def __init__(self, *, database: Database, settings: EventSettings, clock: Clock) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock

    async def prune(self) -> int:
        """One pass, in batches; how many were deleted."""
        total = 0
        while True:
            async with self._database.transaction() as tx:
                before = self._clock() - self._settings.keep
                deleted = await prune_events(tx, before=before, keep=self._settings.keep_rows, limit=_BATCH)
            total += deleted
            if deleted < _BATCH:
                return total
