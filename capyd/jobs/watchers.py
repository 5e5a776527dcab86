"""Tells who watches a job that it has changed."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator


class JobWatchers:
    """In memory, since what is watched is read from the state: a lost notice costs nothing but time."""

    def __init__(self) -> None:
        self._events: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def notify(self, job_id: str) -> None:
        """The job has changed, and that is committed."""
        for event in self._events.get(job_id, ()):
            event.set()

    @contextlib.contextmanager
    def watch(self, job_id: str) -> Iterator[asyncio.Event]:
        """An event that each change of the job sets. The watcher clears it before it reads the job."""
        event = asyncio.Event()
        self._events[job_id].add(event)
        try:
            yield event
        finally:
            self._events[job_id].discard(event)
            if not self._events[job_id]:
                del self._events[job_id]
