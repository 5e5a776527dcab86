"""Events: written with the change they tell of, in one unbroken sequence."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from capyd.domain.events import Event, NewEvent
from capyd.domain.projects import ProjectState
from capyd.sqlite.api_keys import touch_api_keys
from capyd.sqlite.database import Database
from capyd.sqlite.events import insert_event, list_events, prune_events, read_event_stream, start_event_stream
from capyd.sqlite.job_moves import complete_job, fail_job, retry_job, start_due_jobs, take_back_running_jobs
from capyd.sqlite.outbox import enqueue_everything
from capyd.sqlite.projects import update_project_job, update_project_settings, update_project_state
from tests.state import START, add_job, add_organization, add_project, get_job, open_state

LATER = START + timedelta(hours=1)


async def events(database: Database, *, after: int = 0) -> Sequence[Event]:
    async with database.reading() as reads:
        return await list_events(reads, after=after, limit=1000)


async def types(database: Database, *, after: int = 0) -> list[str]:
    return [event.type for event in await events(database, after=after)]


async def newest(database: Database) -> int:
    async with database.reading() as reads:
        return (await read_event_stream(reads)).newest


async def alert(database: Database, number: int = 1) -> None:
    async with database.transaction() as tx:
        for _ in range(number):
            await insert_event(tx, NewEvent("alert.test", message="look"), now=START)


async def test_a_project_s_life_is_told(tmp_path: Path) -> None:
    async with open_state(tmp_path / "s") as database:
        await add_organization(database)
        await add_project(database)
        async with database.transaction() as tx:
            await update_project_state(tx, "prj_1", ProjectState.FAILED, now=LATER, last_error="no room")
            await update_project_state(tx, "prj_1", ProjectState.DELETING, now=LATER)
            await update_project_state(tx, "prj_1", ProjectState.DELETED, now=LATER)
            row = await tx.fetch_one("SELECT revision FROM projects")
        told = await events(database)
        assert [event.type for event in told] == [
            "organization.created",
            "project.created",
            "project.state_changed",
            "project.state_changed",
            "project.deleted",
        ]
        assert row is not None
        assert told[-1].revision == row["revision"]
        assert told[2].details == {"state": "failed", "previous_state": "provisioning", "error": "no room"}
        assert (told[2].organization_id, told[2].project_id, told[2].occurred_at) == ("org_1", "prj_1", LATER)
        assert [event.sequence for event in told] == [1, 2, 3, 4, 5]
        assert len({event.id for event in told}) == 5


async def test_settings_are_told_and_what_is_no_change_is_not(tmp_path: Path) -> None:
    async with open_state(tmp_path / "s") as database:
        await add_organization(database)
        await add_project(database)
        before = await newest(database)
        async with database.transaction() as tx:
            await update_project_settings(
                tx,
                "prj_1",
                name="A project",
                environment="production",
                always_on=True,
                max_connections=7,
                statement_timeout=timedelta(seconds=30),
                idle_transaction_timeout=timedelta(seconds=60),
                now=LATER,
            )
        (told,) = await events(database, after=before)
        assert (told.type, told.details["max_connections"]) == ("project.settings_changed", 7)
        async with database.transaction() as tx:
            await update_project_job(tx, "prj_1", latest_job_id="job_9", now=LATER)
            await enqueue_everything(tx)
            await touch_api_keys(tx, {"key_1": LATER})
        assert await newest(database) == told.sequence


async def test_a_job_s_life_is_told(tmp_path: Path) -> None:
    async with open_state(tmp_path / "s") as database:
        await add_organization(database)
        await add_project(database)
        before = await newest(database)
        await add_job(database, "job_1")
        async with database.transaction() as tx:
            (job,) = await start_due_jobs(tx, boot_id="b", free={"test.one": 1}, now=START)
            await take_back_running_jobs(tx, claimed_by=None, now=START)
            (job,) = await start_due_jobs(tx, boot_id="b", free={"test.one": 1}, now=START)
            await retry_job(tx, job, error="busy", detail="", journal="", delay=timedelta(0), waiting=False, now=START)
            (job,) = await start_due_jobs(tx, boot_id="b", free={"test.one": 1}, now=START)
            await complete_job(tx, job, journal="", now=LATER)
        told = await events(database, after=before)
        assert [event.type for event in told] == [
            "job.accepted",
            "job.started",
            "job.requeued",
            "job.started",
            "job.retrying",
            "job.started",
            "job.completed",
        ]
        assert told[4].details == {"type": "test.one", "state": "pending", "attempts": 1, "error": "busy"}
        assert told[-1].details == {"type": "test.one", "state": "completed", "attempts": 2}
        assert {event.job_id for event in told} == {"job_1"}


async def test_a_server_that_is_away_is_told_once(tmp_path: Path) -> None:
    async with open_state(tmp_path / "s") as database:
        await add_organization(database)
        await add_project(database)
        await add_job(database, "job_1")
        before = await newest(database)
        for error in ("away", "away", "away", "out of disk"):
            async with database.transaction() as tx:
                (job,) = await start_due_jobs(tx, boot_id="b", free={"test.one": 1}, now=START)
                await retry_job(
                    tx, job, error=error, detail="", journal="", delay=timedelta(0), waiting=True, now=START
                )
        async with database.transaction() as tx:
            (job,) = await start_due_jobs(tx, boot_id="b", free={"test.one": 1}, now=START)
            await fail_job(tx, job, error="no", detail="", classification="permanent", journal="", now=START)
        assert await types(database, after=before) == ["job.started", "job.waiting", "job.waiting", "job.failed"]
        assert (await get_job(database, "job_1")).state == "failed"


async def test_a_transaction_that_is_undone_leaves_no_gap(tmp_path: Path) -> None:
    async with open_state(tmp_path / "s") as database:
        await alert(database)

        async def undone() -> None:
            async with database.transaction() as tx:
                await insert_event(tx, NewEvent("alert.test"), now=START)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await undone()
        await asyncio.gather(*(alert(database) for _ in range(20)))
        assert [event.sequence for event in await events(database)] == list(range(1, 22))


async def test_pruning_takes_the_oldest_by_age_and_by_number_and_gives_no_sequence_twice(tmp_path: Path) -> None:
    async with open_state(tmp_path / "s") as database:
        await alert(database, 10)

        async def prune(*, keep: int, before_hours: int, limit: int = 100) -> tuple[int, int]:
            async with database.transaction() as tx:
                await prune_events(tx, before=START + timedelta(hours=before_hours), keep=keep, limit=limit)
                stream = await read_event_stream(tx)
            return stream.oldest, stream.newest

        assert await prune(keep=100, before_hours=0) == (1, 10)
        assert await prune(keep=8, before_hours=0, limit=1) == (2, 10)
        assert await prune(keep=8, before_hours=0) == (3, 10)
        async with database.transaction() as tx:
            # A clock that was put back: an old moment behind a young one.
            await tx.execute("UPDATE events SET occurred_at = occurred_at + 7200000000 WHERE sequence = 6")
        assert await prune(keep=100, before_hours=1) == (6, 10)
        assert await prune(keep=100, before_hours=9) == (11, 10)
        await alert(database)
        assert [event.sequence for event in await events(database)] == [11]


async def test_a_new_stream_begins_with_why(tmp_path: Path) -> None:
    async with open_state(tmp_path / "s") as database:
        await alert(database, 3)
        async with database.reading() as reads:
            before = await read_event_stream(reads)
        async with database.transaction() as tx:
            await start_event_stream(tx, "stream_2", reason="lost", now=LATER)
        async with database.reading() as reads:
            after = await read_event_stream(reads)
        assert before.id.startswith("stream_")
        assert (after.id, after.oldest, after.newest) == ("stream_2", 4, 4)
        assert await types(database) == ["stream.started"]


async def test_two_files_are_two_streams(tmp_path: Path) -> None:
    async with (
        open_state(tmp_path / "a") as one,
        open_state(tmp_path / "b") as other,
        one.reading() as reads,
        other.reading() as others,
    ):
        assert (await read_event_stream(reads)).id != (await read_event_stream(others)).id
