"""Starts jobs when they are due: in order within a resource, in parallel across them."""

import asyncio
import contextlib
from functools import partial

from capyd.domain.errors import UnavailableError
from capyd.domain.jobs import Job
from capyd.jobs.backoff import STATE_RETRY_SECONDS
from capyd.jobs.executor import Executor
from capyd.jobs.job_type import JobType
from capyd.jobs.watchers import JobWatchers
from capyd.runtime.clock import Clock
from capyd.runtime.logs import get_logger
from capyd.sqlite.database import Database, Transaction
from capyd.sqlite.job_moves import (
    fail_pending_job,
    find_next_due,
    mark_job_cancelled,
    start_due_jobs,
    take_back_running_jobs,
)

logger = get_logger(__name__)


class Runner:
    """Sleeps until it is woken (a job was accepted, one has ended) or a job that waits for its moment is due."""

    def __init__(
        self,
        *,
        database: Database,
        executor: Executor,
        types: dict[str, JobType],
        watchers: JobWatchers,
        boot_id: str,
        clock: Clock,
    ) -> None:
        self._database = database
        self._executor = executor
        self._types = types
        self._watchers = watchers
        self._boot_id = boot_id
        self._clock = clock
        self._passed_at = clock()
        self._woken = asyncio.Event()
        self._attempts: dict[asyncio.Task[None], Job] = {}
        self._asked: list[asyncio.Future[None]] = []
        self._failure: BaseException | None = None

    def wake(self) -> None:
        """Look for due jobs now. Callable from a transaction's `after_commit`."""
        self._woken.set()

    async def until_passed(self) -> None:
        """Return after the next pass: the proof that it still looks for jobs.

        A pass that could not write the state is one too: a new start would not make room on the disk.
        """
        passed = asyncio.get_running_loop().create_future()
        self._asked.append(passed)
        self.wake()
        await passed

    async def run(self) -> None:
        """Run until cancelled. Raises what an attempt could not commit: the daemon must start anew then."""
        while True:
            self._woken.clear()
            asked, self._asked = self._asked, []
            try:
                await self.start_due()
            except UnavailableError as error:
                logger.warning("runner.state_not_writable", reason=error.message)
                _answer(asked)
                await asyncio.sleep(STATE_RETRY_SECONDS)
                continue
            _answer(asked)
            await self._sleep()
            if self._failure is not None:
                raise self._failure

    async def start_due(self) -> int:
        """One pass: claim and start all that is due. How many that were."""
        self._passed_at = self._clock()
        free = self._free_places()
        if not free:
            return 0
        async with self._database.transaction() as tx:
            jobs = await start_due_jobs(tx, boot_id=self._boot_id, free=free, now=self._passed_at)
        for job in jobs:
            attempt = asyncio.create_task(self._executor.execute(job), name=job.id)
            self._attempts[attempt] = job
            attempt.add_done_callback(self._ended)
            self._watchers.notify(job.id)
        return len(jobs)

    async def cancel(self, tx: Transaction, job: Job, *, by: str) -> None:
        """Cancel a job that is not final: at once while it is pending, before its next step while it runs."""
        now = self._clock()
        error = f"cancelled by {by}"
        if await fail_pending_job(tx, job.id, error=error, now=now):
            await self._types[job.type].fail(tx, job, error, now)
        else:
            await mark_job_cancelled(tx, job.id, cancelled_by=by, now=now)
            tx.after_commit(partial(self._executor.cancel, job.id, by))
        tx.after_commit(partial(self._watchers.notify, job.id))
        tx.after_commit(self.wake)

    async def stop(self, *, grace_seconds: float) -> None:
        """Let the attempts in hand end; park after `grace_seconds` what has not, without burning an attempt."""
        if self._attempts:
            logger.info("runner.draining", running=len(self._attempts))
            _, late = await asyncio.wait(self._attempts, timeout=grace_seconds)
            for attempt in late:
                attempt.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        async with self._database.transaction() as tx:
            await take_back_running_jobs(tx, claimed_by=self._boot_id, now=self._clock())

    def _free_places(self) -> dict[str, int]:
        running = [job.type for job in self._attempts.values()]
        places = {name: job_type.concurrency - running.count(name) for name, job_type in self._types.items()}
        return {name: free for name, free in places.items() if free > 0}

    async def _sleep(self) -> None:
        """Sleep until woken, or until something is due that was not yet due at the last pass.

        Not since this moment, which is later: what has become due between the two would be seen neither there nor
        here. A timer that fires a millisecond early makes that an everyday matter.
        """
        async with self._database.reading() as reads:
            due = await find_next_due(reads, now=self._passed_at)
        seconds = None if due is None else max((due - self._clock()).total_seconds(), 0.0)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)

    def _ended(self, attempt: asyncio.Task[None]) -> None:
        del self._attempts[attempt]
        if not attempt.cancelled() and attempt.exception() is not None:
            self._failure = attempt.exception()
        self.wake()


def _answer(asked: list[asyncio.Future[None]]) -> None:
    for passed in asked:
        if not passed.done():  # who asked may have gone
            passed.set_result(None)
