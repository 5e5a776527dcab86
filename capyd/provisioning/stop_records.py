"""Tells of sessions that the daemon has stopped by itself: an event and an audit event, together."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from datetime import datetime, timedelta

from capyd.domain.audit import NewAuditEvent
from capyd.domain.events import NewEvent
from capyd.runtime.clock import Clock
from capyd.sqlite.audit import insert_audit_event
from capyd.sqlite.database import Database
from capyd.sqlite.events import insert_event

_APART = timedelta(minutes=1)

Telling = Callable[[int], tuple[NewEvent, NewAuditEvent]]
"""What is written down, given how often it has happened since the last record of its subject."""


class StopRecords:
    """A record a subject and minute: who is stopped again and again must not fill the audit trail, which is for ever.

    What has happened and is not told of yet is counted, in memory alone.
    """

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._told: dict[Hashable, datetime] = {}
        self._untold: Counter[Hashable] = Counter()

    async def write(self, stops: Iterable[tuple[Hashable, Telling]]) -> None:
        """Count what was done, by subject, and tell of those whose last record is a minute old."""
        now = self._clock()
        self._told = {subject: at for subject, at in self._told.items() if at + _APART > now}
        tellings = {}
        for subject, telling in stops:
            self._untold[subject] += 1
            tellings[subject] = telling
        due = {subject: telling for subject, telling in tellings.items() if subject not in self._told}
        if not due:
            return
        async with self._database.transaction() as tx:
            for subject, telling in due.items():
                event, act = telling(self._untold[subject])
                await insert_event(tx, event, now=now)
                await insert_audit_event(tx, act, now=now)
        for subject in due:
            self._told[subject] = now
            del self._untold[subject]
