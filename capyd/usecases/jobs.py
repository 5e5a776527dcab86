"""Read and watch jobs."""

from collections.abc import AsyncIterator

from capyd.domain.errors import InvalidError
from capyd.domain.jobs import Job
from capyd.domain.paging import Page, PageRequest
from capyd.domain.principals import Principal
from capyd.jobs.watchers import JobWatchers
from capyd.sqlite.database import Database
from capyd.sqlite.jobs import count_project_jobs_down_to, list_project_jobs
from capyd.usecases.lookup import get_job, get_project

DEFAULT_LIMIT = 25
MAX_LIMIT = 1000


class Jobs:
    """The use cases of jobs."""

    def __init__(self, *, database: Database, watchers: JobWatchers) -> None:
        self._database = database
        self._watchers = watchers

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
        wanted = DEFAULT_LIMIT if limit is None else limit
        if not 1 <= wanted <= MAX_LIMIT:
            raise InvalidError(f"limit must be from 1 to {MAX_LIMIT}", field="limit")
        async with self._database.reading() as reads:
            project = await get_project(reads, principal, project_id)
            if page.after is not None:
                wanted -= await count_project_jobs_down_to(reads, page.after, project_id=project.id)
            found = await list_project_jobs(
                reads, PageRequest(max(min(page.size, wanted), 0), page.after), project_id=project.id
            )
        return found if len(found.items) < wanted else Page(found.items, next_token="")

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
