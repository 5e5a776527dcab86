"""The engine on a real state file, with job types that do what a test tells them to."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from capyd.domain.failures import PermanentError, PoolerUnreachableError, TransientError, UnreachableError
from capyd.domain.jobs import Job, JobState
from capyd.jobs.executor import Executor
from capyd.jobs.job_type import Effect
from capyd.jobs.pruner import Pruner
from capyd.jobs.rescuer import rescue
from capyd.jobs.runner import Runner
from capyd.jobs.steps import Steps
from capyd.jobs.waiting import WaitingJobs
from capyd.jobs.watchers import JobWatchers
from capyd.sqlite.database import Database, Transaction
from capyd.sqlite.facts import find_fact, put_fact
from tests.state import ManualClock, add_job, add_organization, get_job, open_state

Behaviour = Callable[[Job, Steps], Awaitable[None]]


class Scripted:
    """A job type whose attempts are what `behaviour` says."""

    name = "test.one"
    concurrency = 4

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self.failed: list[str] = []

    async def run(self, job: Job, steps: Steps) -> Effect:
        await self._behaviour(job, steps)
        return self._say_done

    async def fail(self, tx: Transaction, job: Job, error: str, now: datetime) -> None:
        self.failed.append(error)

    @staticmethod
    async def _say_done(tx: Transaction, now: datetime) -> None:
        await put_fact(tx, "cluster_id", "done")


@dataclass
class Engine:
    database: Database
    runner: Runner
    scripted: Scripted
    watchers: JobWatchers
    clock: ManualClock
    lost: list[UnreachableError] = field(default_factory=list)

    async def pass_and_settle(self) -> None:
        """One pass of the runner, and all attempts that it started to their ends."""
        await self.runner.start_due()
        await self.runner.stop(grace_seconds=5)


@asynccontextmanager
async def engine(path: Path, behaviour: Behaviour) -> AsyncIterator[Engine]:
    async with open_state(path) as database:
        await add_organization(database)
        scripted, watchers, clock = Scripted(behaviour), JobWatchers(), ManualClock()
        types = {scripted.name: scripted}
        lost: list[UnreachableError] = []
        executor = Executor(
            database=database,
            types=types,
            watchers=watchers,
            when_waiting=lost.append,
            clock=clock,
            generator=random.Random(1),
        )
        runner = Runner(
            database=database, executor=executor, types=types, watchers=watchers, boot_id="boot_1", clock=clock
        )
        yield Engine(database, runner, scripted, watchers, clock, lost)


async def succeed(job: Job, steps: Steps) -> None:
    async with steps.step("say hello", seconds=5):
        await asyncio.sleep(0)


def raising(*errors: Exception) -> Behaviour:
    remaining = list(errors)

    async def behaviour(job: Job, steps: Steps) -> None:
        if remaining:
            raise remaining.pop(0)

    return behaviour


async def test_completion_and_its_effect_are_one_commit(tmp_path: Path) -> None:
    async with engine(tmp_path / "s", succeed) as it:
        await add_job(it.database, "job_1")
        await it.pass_and_settle()
        job = await get_job(it.database, "job_1")
        assert (job.state, job.last_exit_code, job.attempts, job.claimed_by) == (JobState.COMPLETED, 0, 1, "boot_1")
        assert job.last_stdout is not None
        assert job.last_stdout.startswith("say hello: done in ")
        async with it.database.reading() as reads:
            assert await find_fact(reads, "cluster_id") == "done"


async def test_a_permanent_failure_ends_the_job_and_tells_its_type(tmp_path: Path) -> None:
    async with engine(tmp_path / "s", raising(PermanentError("no such thing", detail="42704: not there"))) as it:
        await add_job(it.database, "job_1")
        await it.pass_and_settle()
        job = await get_job(it.database, "job_1")
        assert (job.state, job.retry_classification) == (JobState.FAILED, "permanent")
        assert (job.error, job.last_stderr, job.last_exit_code) == ("no such thing", "42704: not there", 1)
        assert it.scripted.failed == ["no such thing"]


async def test_a_transient_failure_is_tried_again_until_attempts_run_out(tmp_path: Path) -> None:
    async with engine(tmp_path / "s", raising(*(TransientError("locked") for _ in range(9)))) as it:
        await add_job(it.database, "job_1", max_attempts=3)
        for attempts in (1, 2):
            await it.pass_and_settle()
            job = await get_job(it.database, "job_1")
            assert (job.state, job.attempts, job.retry_classification) == (JobState.PENDING, attempts, "transient")
            it.clock.advance(timedelta(minutes=5))
        await it.pass_and_settle()
        job = await get_job(it.database, "job_1")
        assert (job.state, job.error) == (JobState.FAILED, "gave up after 3 attempts: locked")
        assert it.scripted.failed == [job.error]


@pytest.mark.parametrize("error", [UnreachableError("away"), PoolerUnreachableError("the pooler is away")])
async def test_a_server_that_is_away_costs_no_attempt_however_often(tmp_path: Path, error: UnreachableError) -> None:
    async with engine(tmp_path / "s", raising(*(error for _ in range(9)))) as it:
        await add_job(it.database, "job_1", max_attempts=1)
        waiting = WaitingJobs(database=it.database, wake_runner=it.runner.wake, clock=it.clock)
        for _ in range(9):
            await it.pass_and_settle()
            job = await get_job(it.database, "job_1")
            assert (job.state, job.attempts, job.error) == (JobState.PENDING, 0, error.summary)
            await waiting.wake()
        assert it.lost == [error] * 9
        await it.pass_and_settle()
        assert (await get_job(it.database, "job_1")).state is JobState.COMPLETED


async def test_a_defect_of_ours_shows_no_more_than_its_type(tmp_path: Path) -> None:
    async with engine(tmp_path / "s", raising(ValueError("the password is hunter2"))) as it:
        await add_job(it.database, "job_1", max_attempts=1)
        await it.pass_and_settle()
        job = await get_job(it.database, "job_1")
        assert job.state is JobState.FAILED
        assert "ValueError" in (job.error or "")
        assert "hunter2" not in f"{job}"


async def test_a_step_is_cancelled_at_its_deadline(tmp_path: Path) -> None:
    cancelled = []

    async def hang(job: Job, steps: Steps) -> None:
        async with steps.step("hang", seconds=0.01):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(job.id)
                raise

    async with engine(tmp_path / "s", hang) as it:
        await add_job(it.database, "job_1")
        await it.pass_and_settle()
        job = await get_job(it.database, "job_1")
        assert cancelled == ["job_1"]
        assert (job.state, job.error) == (JobState.PENDING, "the step 'hang' did not end within 0.01 s")
        assert "cancelled at its deadline" in (job.last_stdout or "")


async def test_stopping_parks_what_does_not_end_in_time_and_burns_no_attempt(tmp_path: Path) -> None:
    async def hang(job: Job, steps: Steps) -> None:
        await asyncio.Event().wait()

    async with engine(tmp_path / "s", hang) as it:
        await add_job(it.database, "job_1")
        await it.runner.start_due()
        await it.runner.stop(grace_seconds=0.01)
        job = await get_job(it.database, "job_1")
        assert (job.state, job.attempts) == (JobState.PENDING, 0)


async def test_a_pending_job_is_cancelled_at_once_and_its_type_is_told(tmp_path: Path) -> None:
    async with engine(tmp_path / "s", succeed) as it:
        job = await add_job(it.database, "job_1")
        async with it.database.transaction() as tx:
            await it.runner.cancel(tx, job, by="somebody")
        assert await it.runner.start_due() == 0
        job = await get_job(it.database, "job_1")
        assert (job.state, job.error, job.attempts) == (JobState.FAILED, "cancelled by somebody", 0)
        assert it.scripted.failed == ["cancelled by somebody"]


async def test_a_running_job_ends_before_its_next_step_and_never_in_the_middle_of_one(tmp_path: Path) -> None:
    inside, go_on = asyncio.Event(), asyncio.Event()
    done = []

    async def two_steps(job: Job, steps: Steps) -> None:
        async with steps.step("first", seconds=5):
            inside.set()
            await go_on.wait()
            done.append("first")
        async with steps.step("second", seconds=5):
            done.append("second")

    async with engine(tmp_path / "s", two_steps) as it:
        await add_job(it.database, "job_1")
        await it.runner.start_due()
        await inside.wait()
        async with it.database.transaction() as tx:
            await it.runner.cancel(tx, await get_job(it.database, "job_1"), by="somebody")
        go_on.set()
        await it.runner.stop(grace_seconds=5)
        job = await get_job(it.database, "job_1")
        assert (job.state, job.error) == (JobState.FAILED, "cancelled by somebody")
        assert done == ["first"]


async def test_a_wish_to_cancel_outlives_the_daemon_that_took_it(tmp_path: Path) -> None:
    async def hang(job: Job, steps: Steps) -> None:
        await asyncio.Event().wait()

    async with engine(tmp_path / "s", hang) as it:
        await add_job(it.database, "job_1")
        await it.runner.start_due()
        async with it.database.transaction() as tx:
            await it.runner.cancel(tx, await get_job(it.database, "job_1"), by="somebody")
        await it.runner.stop(grace_seconds=0.01)
        assert (await get_job(it.database, "job_1")).state is JobState.PENDING
        await it.pass_and_settle()
        assert (await get_job(it.database, "job_1")).error == "cancelled by somebody"


async def test_a_new_start_takes_back_what_the_dead_one_was_running(tmp_path: Path) -> None:
    forever = asyncio.Event()

    async def hang(job: Job, steps: Steps) -> None:
        await forever.wait()

    async with engine(tmp_path / "s", hang) as it:
        await add_job(it.database, "job_1")
        await it.runner.start_due()
        assert (await get_job(it.database, "job_1")).state is JobState.RUNNING
        assert await rescue(it.database, clock=it.clock) == 1
        assert (await get_job(it.database, "job_1")).state is JobState.PENDING
        # What the dead one would still commit is refused: the job is no longer its own.
        forever.set()
        await it.runner.stop(grace_seconds=5)
        assert (await get_job(it.database, "job_1")).state is JobState.PENDING
        async with it.database.reading() as reads:
            assert await find_fact(reads, "cluster_id") is None


async def test_a_running_loop_starts_a_job_as_soon_as_it_is_woken_and_the_next_when_that_ends(tmp_path: Path) -> None:
    ran = []
    both = asyncio.Event()

    async def note(job: Job, steps: Steps) -> None:
        ran.append(job.id)
        if len(ran) == 2:
            both.set()

    async with engine(tmp_path / "s", note) as it:
        loop = asyncio.create_task(it.runner.run())
        await add_job(it.database, "job_1")
        await add_job(it.database, "job_2")
        it.runner.wake()
        await asyncio.wait_for(both.wait(), 10)
        loop.cancel()
        await it.runner.stop(grace_seconds=5)
        assert ran == ["job_1", "job_2"]


async def test_no_more_attempts_of_a_type_run_at_once_than_it_allows(tmp_path: Path) -> None:
    running = 0
    most = 0
    all_places_taken = asyncio.Barrier(Scripted.concurrency)

    async def count(job: Job, steps: Steps) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await all_places_taken.wait()
        running -= 1

    async with engine(tmp_path / "s", count) as it:
        for number in range(20):
            await add_job(it.database, f"job_{number}", project_id=f"prj_{number}")
        loop = asyncio.create_task(it.runner.run())
        it.runner.wake()
        for number in range(20):
            with it.watchers.watch(f"job_{number}") as changed:
                while not (await get_job(it.database, f"job_{number}")).state.final:
                    changed.clear()
                    await asyncio.wait_for(changed.wait(), 10)
        loop.cancel()
        assert most == Scripted.concurrency


async def test_a_watcher_hears_of_every_change(tmp_path: Path) -> None:
    async with engine(tmp_path / "s", succeed) as it:
        await add_job(it.database, "job_1")
        with it.watchers.watch("job_1") as changed:
            assert not changed.is_set()
            await it.runner.start_due()
            assert changed.is_set()
            changed.clear()
            await it.runner.stop(grace_seconds=5)
            assert changed.is_set()


async def test_the_pruner_forgets_what_was_finished_long_ago(tmp_path: Path) -> None:
    async with engine(tmp_path / "s", succeed) as it:
        await add_job(it.database, "job_1")
        await it.pass_and_settle()
        pruner = Pruner(database=it.database, keep=timedelta(days=30), clock=it.clock)
        assert await pruner.prune() == 0
        it.clock.advance(timedelta(days=31))
        assert await pruner.prune() == 1
