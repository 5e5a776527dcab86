"""List events, and follow them."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from capyd.domain.errors import ConflictError, InvalidError, OutOfRangeError, UnavailableError
from capyd.domain.events import Event
from capyd.sqlite.database import Database
from capyd.sqlite.events import EventStream, list_events, read_event_stream

_PAGE = 200
_REMEMBERED = 2000


@dataclass(frozen=True, slots=True)
class News:
    """What a watcher is told at once: the events that it does not have yet, or none."""

    stream_id: str
    newest: int
    """The newest sequence that there is, as far as is known."""
    events: Sequence[Event]


class Events:
    """The use cases of events.

    A watcher has no queue: a commit wakes it, and it reads on from its own position, a page at a time, when the one
    before is out. Hundreds of them want the same newest events, so that these are read once and remembered.
    """

    def __init__(self, *, database: Database, heartbeat: timedelta) -> None:
        self._database = database
        self._heartbeat = heartbeat
        self._watchers: set[asyncio.Event] = set()
        self._remembered: deque[Event] = deque(maxlen=_REMEMBERED)
        self._newest = 0
        self._outdated = True
        self._refreshing = asyncio.Lock()
        self._closed = False

    def wake(self) -> None:
        """Something was committed."""
        self._outdated = True
        for woken in self._watchers:
            woken.set()

    def close(self) -> None:
        """End every watch: the daemon stops."""
        self._closed = True
        self.wake()

    async def list(self, *, after: int | None, size: int) -> tuple[EventStream, Sequence[Event]]:
        """The stream, and the oldest `size` events after `after`; None: the newest `size` events.

        Raises:
            InvalidError, OutOfRangeError: as `watch`.
        """
        async with self._database.reading() as reads:
            stream = await read_event_stream(reads)
            if after is None:
                after = max(stream.newest - size, stream.oldest - 1)
            _check_position(stream, after)
            return stream, await list_events(reads, after=after, limit=size)

    async def watch(self, *, after: int | None, stream_id: str | None) -> AsyncIterator[News]:
        """First which stream this is and how far; then all events after `after` (None: from now on), for ever.

        Nothing for the length of a heartbeat is news too.

        Raises:
            ConflictError: the stream is not `stream_id` any more.
            InvalidError: `after` is negative.
            OutOfRangeError: `after` is beyond the newest, or events behind it were pruned.
            UnavailableError: the daemon stops.
        """
        async with self._database.reading() as reads:
            stream = await read_event_stream(reads)
        if stream_id is not None and stream_id != stream.id:
            raise ConflictError(
                f"this is the stream {stream.id}: the state was rebuilt or restored; list what there is and start over",
                code="stream_changed",
                facts={"stream_id": stream.id},
            )
        position = stream.newest if after is None else after
        _check_position(stream, position)
        with self._watching() as woken:
            yield News(stream.id, stream.newest, ())
            while True:
                woken.clear()
                page = await self._read_on(position)
                if page:
                    position = page[-1].sequence
                    yield News(stream.id, max(self._newest, position), page)
                elif self._closed:
                    raise UnavailableError("the daemon stops: come again in a moment", code="draining")
                elif not await self._woken_in_time(woken):
                    yield News(stream.id, max(self._newest, position), ())

    @contextlib.contextmanager
    def _watching(self) -> Iterator[asyncio.Event]:
        woken = asyncio.Event()
        self._watchers.add(woken)
        try:
            yield woken
        finally:
            self._watchers.discard(woken)

    async def _woken_in_time(self, woken: asyncio.Event) -> bool:
        try:
            async with asyncio.timeout(self._heartbeat.total_seconds()):
                await woken.wait()
        except TimeoutError:
            return False
        return True

    async def _read_on(self, position: int) -> Sequence[Event]:
        """The next page behind this position; empty: there is nothing yet.

        Raises:
            OutOfRangeError: it was pruned meanwhile.
        """
        await self._refresh()
        if position >= self._newest:
            return ()
        if self._remembered and position + 1 >= self._remembered[0].sequence:
            place = position + 1 - self._remembered[0].sequence
            return [self._remembered[each] for each in range(place, min(place + _PAGE, len(self._remembered)))]
        async with self._database.reading() as reads:
            page = await list_events(reads, after=position, limit=_PAGE)
            if page and page[0].sequence == position + 1:
                return page
            raise _pruned(position, (await read_event_stream(reads)).oldest)

    async def _refresh(self) -> None:
        """Remember what was committed since the last time; after a long time without watchers, the newest of it."""
        async with self._refreshing:
            while self._outdated:
                self._outdated = False
                try:
                    async with self._database.reading() as reads:
                        stream = await read_event_stream(reads)
                        if stream.newest - self._newest > _REMEMBERED:
                            self._newest = stream.newest - _PAGE
                        found = await list_events(reads, after=self._newest, limit=_REMEMBERED)
                except BaseException:
                    self._outdated = True
                    raise
                if found:
                    if self._remembered and self._remembered[-1].sequence + 1 != found[0].sequence:
                        self._remembered.clear()
                    self._remembered.extend(found)
                    self._newest = found[-1].sequence
                    self._outdated = self._outdated or len(found) == _REMEMBERED


def _check_position(stream: EventStream, after: int) -> None:
    if after < 0:
        raise InvalidError("after_sequence must not be negative", field="after_sequence")
    if after > stream.newest:
        raise OutOfRangeError(
            f"there is no event {after}: the newest is {stream.newest}; is that sequence of another stream?",
            code="sequence_unknown",
            field="after_sequence",
            facts={"newest_sequence": str(stream.newest), "stream_id": stream.id},
        )
    if after + 1 < stream.oldest:
        raise _pruned(after, stream.oldest)


def _pruned(after: int, oldest: int) -> OutOfRangeError:
    return OutOfRangeError(
        f"the events after {after} were pruned: the oldest kept is {oldest}; list what there is, and go on from there",
        code="events_pruned",
        field="after_sequence",
        facts={"oldest_sequence": str(oldest)},
    )
