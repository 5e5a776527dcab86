"""A job that becomes due at the worst moment is still started."""

import asyncio
import random
from datetime import datetime, timedelta
from pathlib import Path

from capyd.domain.failures import TransientError
from capyd.domain.jobs import Job
from capyd.jobs.executor import Executor
from capyd.jobs.job_type import Effect
from capyd.jobs.runner import Runner
from capyd.jobs.steps import Steps
from capyd.jobs.watchers import JobWatchers
from capyd.sqlite.database import Transaction
from tests.state import START, add_job, add_organization, open_state


class LeapingClock:
    """0.2 s pass with every look: what is to be tried again in 0.28 s is due at the second."""

    def __init__(self) -> None:
        self._now = START

    def __call__(self) -> datetime:
        self._now += timedelta(seconds=0.2)
        return self._now


class FailsOnce:
    """A job type whose second attempt succeeds."""

    name = "test.one"
    concurrency = 1

    def __init__(self) -> None:
        self.completed = asyncio.Event()

    async def run(self, job: Job, steps: Steps) -> Effect:
        if job.attempts == 1:
            raise TransientError("not yet")
        return self._say_done

    async def fail(self, tx: Transaction, job: Job, error: str, now: datetime) -> None:
        raise AssertionError(error)

    async def _say_done(self, tx: Transaction, now: datetime) -> None:
        self.completed.set()


async def test_a_job_that_becomes_due_between_two_looks_at_the_clock(tmp_path: Path) -> None:
    async with open_state(tmp_path / "state") as database:
        await add_organization(database)
        await add_job(database, "job_1")
        job_type, watchers, clock = FailsOnce(), JobWatchers(), LeapingClock()
        types = {job_type.name: job_type}
        executor = Executor(
            database=database,
            types=types,
            watchers=watchers,
            when_waiting=lambda _: None,
            clock=clock,
            generator=random.Random(1),  # its first delay is those 0.28 s
        )
        runner = Runner(
            database=database, executor=executor, types=types, watchers=watchers, boot_id="boot_1", clock=clock
        )
        loop = asyncio.create_task(runner.run())
        await asyncio.wait_for(job_type.completed.wait(), 30)
        loop.cancel()
        await runner.stop(grace_seconds=5)
