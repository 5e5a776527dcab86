"""Read and watch jobs."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from capyd.domain.errors import ConflictError, InvalidError
from capyd.domain.jobs import EXPIRE_CREDENTIAL, Job, JobState
from capyd.domain.paging import Page, PageRequest, check_limit
from capyd.domain.principals import Principal
from capyd.jobs.watchers import JobWatchers
from capyd.sqlite.database import Database, Transaction
from capyd.sqlite.jobs import count_project_jobs_down_to, list_jobs, list_project_jobs
from capyd.usecases.lookup import get_job, get_project


class CancelJob(Protocol):
    """The engine's way to cancel a job, inside the caller's transaction."""

    async def __call__(self, tx: Transaction, job: Job, *, by: str) -> None:
        """Cancel it; `by` says who wants that."""
        ...


class Jobs:
    """The use cases of jobs."""

    def __init__(self, *, database: Database, watchers: JobWatchers, cancel_job: CancelJob) -> None:
        self._database = database
        self._watchers = watchers
        self._cancel_job = cancel_job

    async def get(self, principal: Principal, job_id: str) -> Job:
        """One job.

        Raises:
            NotFoundError: not there, or not the principal's.
        """
        async with self._database.reading() as reads:
            return await get_job(reads, principal, job_id)

    async def list_of_project(
        self, principal: Principal, project_id: str, page: PageRequest, *, limit: int | None
    ) -> Page[Job]:
        """The project's newest jobs. `limit` (25 when None) bounds the whole list, in however many pages it comes.

        Raises:
            NotFoundError: there is no such project, or it is not the principal's.
            InvalidError: a limit that cannot be.
        """
        wanted = check_limit(limit)
        async with self._database.reading() as reads:
            project = await get_project(reads, principal, project_id)
            if page.after is not None:
                wanted -= await count_project_jobs_down_to(reads, page.after, project_id=project.id)
            found = await list_project_jobs(
                reads, PageRequest(max(min(page.size, wanted), 0), page.after), project_id=project.id
            )
        return found if len(found.items) < wanted else Page(found.items, next_token="")

    async def list_all(self, page: PageRequest, *, states: Sequence[str]) -> Page[Job]:
        """The newest jobs of all projects in one of these states; in any, when none is named.

        Raises:
            InvalidError: there is no such state.
        """
        unknown = [state for state in states if state not in set(JobState)]
        if unknown:
            raise InvalidError(f"states must be of {', '.join(JobState)}: {unknown[0]} is none", field="states")
        async with self._database.reading() as reads:
            return await list_jobs(reads, page, states=states)

    async def cancel(self, principal: Principal, job_id: str) -> Job:
        """The job as it is after the wish to cancel it: `failed` when it was pending, else still running.

        Raises:
            NotFoundError: not there, or not the principal's.
            ConflictError: it is final, or the end of a grace period.
        """
        async with self._database.transaction() as tx:
            job = await get_job(tx, principal, job_id)
            if job.state.final:
                raise ConflictError(f"the job is {job.state}: there is nothing to cancel any more", code="job_final")
            if job.type == EXPIRE_CREDENTIAL:
                raise ConflictError(
                    "the end of an old login is not cancelled: rotate again with grace_hours once it has come",
                    code="not_cancellable",
                )
            await self._cancel_job(tx, job, by=principal.described)
            return await get_job(tx, principal, job_id)

    async def watch(self, principal: Principal, job_id: str) -> AsyncIterator[Job]:
        """The job as it is, then at every change, and for the last time when it is final.

        Raises:
            NotFoundError: not there, or not the principal's.
        """
        with self._watchers.watch(job_id) as changed:
            shown = None
            while True:
                changed.clear()
                job = await self.get(principal, job_id)
                if job != shown:
                    yield job
                    shown = job
                if job.state.final:
                    return
                await changed.wait()
