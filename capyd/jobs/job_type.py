"""What the engine asks of a job type."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from capyd.domain.jobs import Job
from capyd.jobs.steps import Steps
from capyd.sqlite.database import Transaction

Effect = Callable[[Transaction, datetime], Awaitable[None]]
"""What a completed job changes in the state, at the given moment; committed together with its completion."""


class JobType(Protocol):
    """How one type of job is done."""

    name: str
    """Such as `project.provision`."""

    concurrency: int
    """How many of this type run at once."""

    async def run(self, job: Job, steps: Steps) -> Effect:
        """Do it, in steps that observe before they act: each may run again after a crash, without harm.

        Raises:
            UnreachableError: a server does not answer; the job waits.
            TransientError: it may succeed next time.
            PermanentError: it never will.
        """
        ...

    async def fail(self, tx: Transaction, job: Job, error: str, now: datetime) -> None:
        """Say in the state what it means that this job has failed for good."""
        ...
