from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from capyd.domain.jobs import Job, JobState
from capyd.sqlite.database import Database
from capyd.sqlite.job_moves import (
    complete_job,
    delete_final_jobs,
    fail_job,
    find_next_due,
    hold_pending_jobs,
    retry_job,
    start_due_jobs,
    supersede_pending_jobs,
    take_back_running_jobs,
    wake_waiting_jobs,
)
from tests.state import START, add_job, add_organization, add_project, get_job, open_state

MANY = {"test.one": 100, "test.two": 100}


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_state(tmp_path / "s") as database:
        await add_organization(database)
        yield database


async def start(
    database: Database, free: dict[str, int] = MANY, boot_id: str = "boot_1", seconds: float = 0
) -> list[str]:
    async with database.transaction() as tx:
        now = START + timedelta(seconds=seconds)
        return [job.id for job in await start_due_jobs(tx, boot_id=boot_id, free=free, now=now)]


async def complete(database: Database, job_id: str) -> bool:
    job = await get_job(database, job_id)
    async with database.transaction() as tx:
        return await complete_job(tx, job, journal="done", now=START)


async def retry(database: Database, job: Job, *, waiting: bool) -> bool:
    async with database.transaction() as tx:
        return await retry_job(
            tx, job, error="e", detail="d", journal="j", delay=timedelta(seconds=10), waiting=waiting, now=START
        )


async def test_jobs_of_one_project_run_one_at_a_time_in_order_of_acceptance(database: Database) -> None:
    for number in range(3):
        await add_job(database, f"job_{number}")
    for number in range(3):
        assert await start(database) == [f"job_{number}"]
        assert await start(database) == []
        assert await complete(database, f"job_{number}")
    assert await start(database) == []


async def test_jobs_of_different_projects_run_beside_each_other(database: Database) -> None:
    for number in range(3):
        await add_job(database, f"job_{number}", project_id=f"prj_{number}", now=START + timedelta(microseconds=number))
    assert await start(database, seconds=1) == ["job_0", "job_1", "job_2"]


async def test_no_more_of_a_type_start_than_there_are_places_for(database: Database) -> None:
    for number in range(3):
        await add_job(database, f"job_{number}", project_id=f"prj_{number}", now=START + timedelta(microseconds=number))
    await add_job(database, "job_other", job_type="test.two", project_id="prj_9")
    started = await start(database, {"test.one": 2, "test.two": 1}, seconds=1)
    assert sorted(started) == ["job_0", "job_1", "job_other"]


async def test_a_retry_at_the_head_goes_before_what_is_pending(database: Database) -> None:
    await add_job(database, "job_behind")
    await add_job(database, "job_retry", at_head=True)
    assert await start(database) == ["job_retry"]


async def test_a_held_job_waits_until_it_is_released_and_keeps_its_place(database: Database) -> None:
    await add_job(database, "job_held", held=True)
    await add_job(database, "job_behind")
    assert await start(database) == []
    async with database.transaction() as tx:
        await hold_pending_jobs(tx, "project:prj_1", held=False)
    assert await start(database) == ["job_held"]


async def test_a_dead_daemon_cannot_end_a_job_that_was_taken_back(database: Database) -> None:
    await add_job(database, "job_1")
    await start(database, boot_id="boot_dead")
    of_the_dead = await get_job(database, "job_1")
    async with database.transaction() as tx:
        assert await take_back_running_jobs(tx, claimed_by=None, now=START) == 1
    assert await start(database, boot_id="boot_2") == ["job_1"]
    async with database.transaction() as tx:
        assert not await complete_job(tx, of_the_dead, journal="", now=START)
        assert not await fail_job(
            tx, of_the_dead, error="e", detail="", classification="permanent", journal="", now=START
        )
    assert not await retry(database, of_the_dead, waiting=False)
    assert (await get_job(database, "job_1")).state is JobState.RUNNING


async def test_being_taken_back_burns_no_attempt(database: Database) -> None:
    await add_job(database, "job_1")
    for _ in range(5):
        await start(database)
        assert (await get_job(database, "job_1")).attempts == 1
        async with database.transaction() as tx:
            await take_back_running_jobs(tx, claimed_by="boot_1", now=START)


async def test_waiting_for_a_server_burns_no_attempt_and_ends_when_it_answers(database: Database) -> None:
    await add_job(database, "job_1")
    await start(database)
    assert await retry(database, await get_job(database, "job_1"), waiting=True)
    job = await get_job(database, "job_1")
    assert (job.state, job.attempts, job.error) == (JobState.PENDING, 0, "e")
    assert await start(database) == []
    async with database.reading() as reads:
        assert await find_next_due(reads, now=START) == START + timedelta(seconds=10)
    async with database.transaction() as tx:
        assert await wake_waiting_jobs(tx, now=START) == 1
    assert await start(database) == ["job_1"]


async def test_a_retry_rests_and_keeps_its_place(database: Database) -> None:
    await add_job(database, "job_1")
    await add_job(database, "job_behind")
    await start(database)
    assert await retry(database, await get_job(database, "job_1"), waiting=False)
    assert await start(database, seconds=9) == []
    assert await start(database, seconds=10) == ["job_1"]
    job = await get_job(database, "job_1")
    assert (job.attempts, job.retry_classification) == (2, "transient")


async def test_what_waits_behind_a_running_job_is_not_due_by_the_clock(database: Database) -> None:
    await add_job(database, "job_1")
    await add_job(database, "job_behind")
    await start(database)
    async with database.reading() as reads:
        assert await find_next_due(reads, now=START) is None


async def test_superseding_fails_what_is_pending_and_leaves_what_runs(database: Database) -> None:
    await add_job(database, "job_1")
    await start(database)
    await add_job(database, "job_2")
    await add_job(database, "job_3", held=True)
    async with database.transaction() as tx:
        assert sorted(await supersede_pending_jobs(tx, "project:prj_1", error="superseded", now=START)) == [
            "job_2",
            "job_3",
        ]
    assert (await get_job(database, "job_1")).state is JobState.RUNNING
    job = await get_job(database, "job_3")
    assert (job.state, job.error, job.completed_at) == (JobState.FAILED, "superseded", START)


async def test_a_final_job_is_not_started_ended_or_retried(database: Database) -> None:
    await add_job(database, "job_1")
    await start(database)
    running = await get_job(database, "job_1")
    assert await complete(database, "job_1")
    assert not await retry(database, running, waiting=False)
    assert await start(database, seconds=1000) == []


async def test_old_final_jobs_are_forgotten_but_for_the_latest_of_a_live_project(database: Database) -> None:
    await add_project(database)
    for job_id in ("job_0", "job_1", "job_2"):
        await add_job(database, job_id)
    for job_id in ("job_0", "job_1"):
        await start(database)
        await complete(database, job_id)
    async with database.transaction() as tx:
        later = START + timedelta(days=1)
        assert await delete_final_jobs(tx, completed_before=START, limit=100) == 0
        assert await delete_final_jobs(tx, completed_before=later, limit=100) == 1
    await get_job(database, "job_0")
    assert (await get_job(database, "job_2")).state is JobState.PENDING
