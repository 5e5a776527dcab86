"""Rotate a project's credentials."""

from capyd.domain.errors import ConflictError, InvalidError
from capyd.domain.jobs import EXPIRE_CREDENTIAL, ROTATE_CREDENTIALS, Job
from capyd.domain.principals import Principal
from capyd.domain.projects import ProjectState
from capyd.provisioning.rotate_credentials import GRACE_HOURS, LEAKED
from capyd.runtime.clock import Clock
from capyd.sqlite.database import Database
from capyd.sqlite.jobs import list_open_jobs
from capyd.sqlite.projects import update_project_rotating
from capyd.usecases.lookup import get_project
from capyd.usecases.projects import Projects, refuse_deleting

LONGEST_GRACE_HOURS = 720


class Credentials:
    """The use case of rotations."""

    def __init__(self, *, database: Database, projects: Projects, clock: Clock) -> None:
        self._database = database
        self._projects = projects
        self._clock = clock

    async def rotate(self, principal: Principal, project_id: str, *, grace_hours: int | None, leaked: bool) -> Job:
        """The job that rotates them. No grace: a new password. Some: a new login, while the old one goes on working.

        Raises:
            NotFoundError: there is no such project, or it is not the principal's.
            InvalidError: hours that cannot be, or grace for what has leaked.
            ConflictError: the project is being deleted, or another rotation has its grace period.
        """
        grace = grace_hours or 0
        if not 0 <= grace <= LONGEST_GRACE_HOURS:
            raise InvalidError(f"grace_hours must be from 0 to {LONGEST_GRACE_HOURS}", field="grace_hours")
        if leaked and grace:
            raise InvalidError(
                "what has leaked has no grace period: leave grace_hours out, or leaked", field="grace_hours"
            )
        arguments = ({GRACE_HOURS: str(grace)} if grace else {}) | ({LEAKED: "true"} if leaked else {})
        async with self._database.transaction() as tx:
            project = await get_project(tx, principal, project_id)
            refuse_deleting(project)
            if grace:
                _refuse_second_grace(await list_open_jobs(tx, project_id))
            if project.state is ProjectState.READY:
                await update_project_rotating(tx, project_id, rotating=True, now=self._clock())
            return await self._projects.accept_job(tx, project, ROTATE_CREDENTIALS, arguments)


def _refuse_second_grace(open_jobs: list[Job]) -> None:
    for job in open_jobs:
        if job.type == EXPIRE_CREDENTIAL or (job.type == ROTATE_CREDENTIALS and GRACE_HOURS in job.arguments):
            raise ConflictError(
                "an earlier rotation has its grace period still: rotate without grace_hours, or when the job"
                f" {job.id} is completed",
                code="in_grace",
            )
