"""Runs one attempt of one job and commits how it ended."""

import asyncio
import random
import time
from collections.abc import Callable

from capyd.domain.errors import UnavailableError
from capyd.domain.failures import PermanentError, TransientError, UnreachableError
from capyd.domain.jobs import Job
from capyd.jobs.backoff import STATE_RETRY_SECONDS, WAIT_FOR_SERVER, retry_delay
from capyd.jobs.job_type import JobType
from capyd.jobs.outcome import Completed, Failed, Outcome, Retry, Waiting
from capyd.jobs.steps import Steps
from capyd.jobs.watchers import JobWatchers
from capyd.runtime.clock import Clock
from capyd.runtime.logs import get_logger
from capyd.runtime.observation import observed
from capyd.runtime.tracing import tracing
from capyd.sqlite.database import Database
from capyd.sqlite.job_moves import complete_job, fail_job, retry_job

logger = get_logger(__name__)

_LONGEST_DETAIL = 16_000


class Executor:
    """Runs attempts. What it is cancelled in stays `running`: the rescuer takes it back.

    `when_waiting` is told when an attempt found a server away: whoever it is sees to it that the jobs wake again.
    """

    def __init__(
        self,
        *,
        database: Database,
        types: dict[str, JobType],
        watchers: JobWatchers,
        when_waiting: Callable[[UnreachableError], None],
        clock: Clock,
        generator: random.Random,
    ) -> None:
        self._database = database
        self._types = types
        self._watchers = watchers
        self._when_waiting = when_waiting
        self._clock = clock
        self._generator = generator
        self._in_hand: dict[str, Steps] = {}

    def cancel(self, job_id: str, by: str) -> None:
        """Have the job end before its next step, if an attempt is in hand."""
        if job_id in self._in_hand:
            self._in_hand[job_id].cancel(by)

    async def execute(self, job: Job) -> None:
        """Run one attempt of a job that this daemon has claimed, and commit its outcome."""
        started = time.monotonic()
        steps = Steps(job.type)
        self._in_hand[job.id] = steps
        try:
            about = {"capyd.job_id": job.id, "capyd.project_id": job.project_id}
            with tracing.span(f"job {job.type}", parent=tracing.asked_in(job.id), **about):
                outcome = await self._attempt(job, steps)
                tracing.annotate("capyd.outcome", type(outcome).__name__.lower())
        finally:
            del self._in_hand[job.id]
        await self._commit_whatever_it_takes(job, outcome, steps.journal)
        seconds, kind = time.monotonic() - started, type(outcome).__name__.lower()
        if observed.attempt is not None:
            observed.attempt(job.type, kind, seconds)
        logger.info(
            f"job.{kind}",
            job_id=job.id,
            job_type=job.type,
            project_id=job.project_id,
            attempt=job.attempts,
            milliseconds=round(seconds * 1000, 1),
            error=None if isinstance(outcome, Completed) else outcome.error,
        )

    async def _attempt(self, job: Job, steps: Steps) -> Outcome:
        if job.cancelled_by is not None:
            return Failed(f"cancelled by {job.cancelled_by}", "", "permanent")
        try:
            return Completed(await self._types[job.type].run(job, steps))
        except UnreachableError as error:
            return Waiting(error.summary, _bounded(error.detail), error)
        except TransientError as error:
            return self._retry_or_give_up(job, error.summary, _bounded(error.detail))
        except PermanentError as error:
            return Failed(error.summary, _bounded(error.detail), "permanent")
        except Exception as error:
            # A defect of ours. Its text may hold anything, so that the job says no more than its type.
            logger.exception("job.defect", job_id=job.id, job_type=job.type)
            kind = type(error).__name__
            return self._retry_or_give_up(job, f"an unexpected {kind} inside capyd; its log has the traceback", kind)

    def _retry_or_give_up(self, job: Job, error: str, detail: str) -> Outcome:
        if job.attempts < job.max_attempts:
            return Retry(error, detail)
        return Failed(f"gave up after {job.attempts} attempts: {error}", detail, "transient")

    async def _commit_whatever_it_takes(self, job: Job, outcome: Outcome, journal: str) -> None:
        """What was done is done: while the state cannot be written, the outcome waits for it."""
        while True:
            try:
                await self._commit(job, outcome, journal)
            except UnavailableError as error:
                logger.warning("job.outcome_not_written", job_id=job.id, reason=error.message)
                await asyncio.sleep(STATE_RETRY_SECONDS)
            else:
                return

    async def _commit(self, job: Job, outcome: Outcome, journal: str) -> None:
        now = self._clock()
        async with self._database.transaction() as tx:
            match outcome:
                case Completed(effect):
                    if await complete_job(tx, job, journal=journal, now=now):
                        await effect(tx, now)
                case Waiting(error, detail, cause):
                    # Not before: whoever finds the server answering wakes the jobs that wait, and this is one then.
                    tx.after_commit(lambda: self._when_waiting(cause))
                    await retry_job(
                        tx,
                        job,
                        error=error,
                        detail=detail,
                        journal=journal,
                        delay=WAIT_FOR_SERVER,
                        waiting=True,
                        now=now,
                    )
                case Retry(error, detail):
                    delay = retry_delay(job.attempts, self._generator)
                    await retry_job(
                        tx, job, error=error, detail=detail, journal=journal, delay=delay, waiting=False, now=now
                    )
                case Failed(error, detail, classification):
                    if await fail_job(
                        tx, job, error=error, detail=detail, classification=classification, journal=journal, now=now
                    ):
                        await self._types[job.type].fail(tx, job, error, now)
            tx.after_commit(lambda: self._watchers.notify(job.id))


def _bounded(detail: str) -> str:
    """At most 16 KiB or so of what a server said: a page of jobs must fit into one message."""
    if len(detail) <= _LONGEST_DETAIL:
        return detail
    return f"{detail[:_LONGEST_DETAIL]}\n({len(detail) - _LONGEST_DETAIL} more characters)"
