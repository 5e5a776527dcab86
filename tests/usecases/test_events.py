"""Following events: from any place, without a gap, by many at once, and with a word in idle hours."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

import pytest

from capyd.domain.errors import ConflictError, InvalidError, OutOfRangeError, UnavailableError
from capyd.domain.events import NewEvent
from capyd.sqlite.database import Database
from capyd.sqlite.events import insert_event, prune_events
from capyd.usecases.events import Events
from tests.state import START, open_state

HOUR = timedelta(hours=1)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_state(tmp_path / "s") as opened:
        yield opened


def follow(database: Database, *, heartbeat: timedelta = HOUR) -> Events:
    events = Events(database=database, heartbeat=heartbeat)
    database.when_committed(events.wake)
    return events


async def happen(database: Database, number: int = 1) -> None:
    async with database.transaction() as tx:
        for _ in range(number):
            await insert_event(tx, NewEvent("alert.test", details={"number": 1}), now=START)


async def prune(database: Database, *, keep: int) -> None:
    async with database.transaction() as tx:
        await prune_events(tx, before=START, keep=keep, limit=100_000)


async def collect(events: Events, *, after: int | None, up_to: int, stream_id: str | None = None) -> list[int]:
    sequences: list[int] = []
    async with asyncio.timeout(20), aclosing(events.watch(after=after, stream_id=stream_id)) as news:
        async for each in news:
            sequences += [event.sequence for event in each.events]
            if sequences and sequences[-1] >= up_to:
                break
    return sequences


async def test_the_first_word_says_which_stream_and_how_far(database: Database) -> None:
    await happen(database, 3)
    async with aclosing(follow(database).watch(after=1, stream_id=None)) as news:
        first = await anext(news)
        second = await anext(news)
    assert first.stream_id.startswith("stream_")
    assert (first.newest, first.events) == (3, ())
    assert [event.sequence for event in second.events] == [2, 3]


@pytest.mark.parametrize("after", [0, 1, 1500, 4990, 5000])
async def test_a_watcher_goes_on_from_anywhere_without_a_gap(database: Database, after: int) -> None:
    await happen(database, 5000)
    events = follow(database)
    watching = asyncio.create_task(collect(events, after=after, up_to=5020))
    for _ in range(20):
        await happen(database)
    assert await watching == list(range(after + 1, 5021))


async def test_without_a_place_it_begins_with_what_happens_next(database: Database) -> None:
    await happen(database, 5)
    events = follow(database)
    async with aclosing(events.watch(after=None, stream_id=None)) as news:
        assert (await anext(news)).newest == 5
        await happen(database)
        assert [event.sequence for event in (await anext(news)).events] == [6]


async def test_a_hundred_watchers_hear_the_same(database: Database) -> None:
    events = follow(database)
    watching = [asyncio.create_task(collect(events, after=0, up_to=300)) for _ in range(100)]
    for _ in range(30):
        await happen(database, 10)
        await asyncio.sleep(0)
    assert all(heard == list(range(1, 301)) for heard in await asyncio.gather(*watching))


async def test_a_slow_watcher_loses_nothing(database: Database) -> None:
    events = follow(database)
    sequences: list[int] = []
    async with aclosing(events.watch(after=0, stream_id=None)) as news:
        await anext(news)
        await happen(database, 10)
        sequences += [event.sequence for event in (await anext(news)).events]
        await happen(database, 7000)  # far more than anybody remembers
        assert (await collect(events, after=7000, up_to=7010))[-1] == 7010
        async for each in news:
            sequences += [event.sequence for event in each.events]
            if sequences[-1] == 7010:
                break
    assert sequences == list(range(1, 7011))


async def test_in_idle_hours_there_is_a_word_now_and_then(database: Database) -> None:
    await happen(database)
    async with aclosing(follow(database, heartbeat=timedelta(milliseconds=1)).watch(after=1, stream_id=None)) as news:
        words = [await anext(news) for _ in range(3)]
    assert [(word.newest, len(word.events)) for word in words] == [(1, 0)] * 3


async def test_what_was_pruned_is_said_and_what_is_kept(database: Database) -> None:
    await happen(database, 10)
    await prune(database, keep=4)
    events = follow(database)
    with pytest.raises(OutOfRangeError) as caught:
        await collect(events, after=3, up_to=10)
    assert (caught.value.code, caught.value.facts) == ("events_pruned", {"oldest_sequence": "7"})
    assert await collect(events, after=6, up_to=10) == [7, 8, 9, 10]
    await prune(database, keep=0)
    async with aclosing(events.watch(after=10, stream_id=None)) as news:
        assert (await anext(news)).newest == 10
        await happen(database)
        assert [event.sequence for event in (await anext(news)).events] == [11]


async def test_a_watcher_that_is_overtaken_by_pruning_is_told(database: Database) -> None:
    events = follow(database)
    async with aclosing(events.watch(after=0, stream_id=None)) as news:
        await anext(news)
        await happen(database, 9000)
        await prune(database, keep=10)
        with pytest.raises(OutOfRangeError, match="the oldest kept is 8991"):
            await anext(news)


async def test_another_stream_and_a_place_that_never_was_are_refused(database: Database) -> None:
    await happen(database)
    events = follow(database)
    with pytest.raises(ConflictError) as changed:
        await collect(events, after=0, up_to=1, stream_id="stream_old")
    assert changed.value.code == "stream_changed"
    async with aclosing(events.watch(after=0, stream_id=None)) as news:
        assert changed.value.facts == {"stream_id": (await anext(news)).stream_id}
    with pytest.raises(OutOfRangeError) as unknown:
        await collect(events, after=2, up_to=2)
    assert unknown.value.code == "sequence_unknown"
    with pytest.raises(InvalidError, match="negative"):
        await collect(events, after=-1, up_to=2)


async def test_a_daemon_that_stops_ends_every_watch_after_what_it_still_has(database: Database) -> None:
    events = follow(database)
    async with aclosing(events.watch(after=0, stream_id=None)) as news:
        await anext(news)
        await happen(database)
        events.close()
        assert [event.sequence for event in (await anext(news)).events] == [1]
        with pytest.raises(UnavailableError) as stopped:
            await anext(news)
    assert stopped.value.code == "draining"
    assert not events._watchers


async def test_a_list_is_the_newest_or_what_follows(database: Database) -> None:
    await happen(database, 10)
    events = follow(database)
    stream, found = await events.list(after=None, size=3)
    assert ([event.sequence for event in found], stream.oldest, stream.newest) == ([8, 9, 10], 1, 10)
    _, found = await events.list(after=2, size=3)
    assert [event.sequence for event in found] == [3, 4, 5]
