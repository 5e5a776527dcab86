"""The state file's disk is full: nothing is lost, reads go on, and it recovers by itself."""

import asyncio
from pathlib import Path

import pytest

from capyd.domain.errors import UnavailableError
from capyd.domain.jobs import Job, JobState
from capyd.jobs.steps import Steps
from capyd.sqlite.database import Database
from tests.jobs.test_engine import engine
from tests.state import add_job, add_organization, add_project, get_job, open_state


async def fill_up(database: Database) -> None:
    """Let SQLite have no page more than it has: it answers as on a full disk."""
    async with database.transaction() as tx:
        await tx.fetch_all("PRAGMA max_page_count = 1")


async def make_room(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.fetch_all("PRAGMA max_page_count = 1000000")


async def add_until_full(database: Database) -> None:
    for number in range(1000):
        await add_project(database, f"prj_{number}")


async def test_a_change_is_refused_with_a_sentence_and_reads_go_on(tmp_path: Path) -> None:
    async with open_state(tmp_path / "s") as database:
        await add_organization(database)
        await add_job(database, "job_1")
        await fill_up(database)
        with pytest.raises(UnavailableError, match="is its disk full") as refused:
            await add_until_full(database)
        assert refused.value.code == "state_not_writable"
        assert (await get_job(database, "job_1")).state is JobState.PENDING
        await make_room(database)
        await add_project(database, "prj_room")


async def test_what_an_attempt_has_done_is_written_when_there_is_room_again(tmp_path: Path) -> None:
    full = asyncio.Event()

    async def fill(job: Job, steps: Steps) -> None:
        steps.note("x" * 100_000)
        await fill_up(it.database)
        full.set()

    async with engine(tmp_path / "s", fill) as it:
        await add_job(it.database, "job_1")
        await it.runner.start_due()
        await full.wait()
        with pytest.raises(UnavailableError):
            await add_until_full(it.database)
        assert (await get_job(it.database, "job_1")).state is JobState.RUNNING
        await make_room(it.database)
        await it.runner.stop(grace_seconds=30)
        assert (await get_job(it.database, "job_1")).state is JobState.COMPLETED
