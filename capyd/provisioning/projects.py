"""What every job type does with its project."""

from datetime import datetime

from capyd.domain.failures import PermanentError
from capyd.domain.jobs import Job
from capyd.domain.projects import Project, ProjectState
from capyd.sqlite.database import Database, Transaction
from capyd.sqlite.projects import find_project

SUPERSEDED = "superseded: the project is being deleted"


async def get_project(database: Database, job: Job) -> Project:
    """The project that the job is for.

    Raises:
        PermanentError: it is gone, or being deleted: only `project.delete` has business with it then.
    """
    async with database.reading() as reads:
        project = await find_project(reads, job.project_id, organization_id=None)
    if project is None or project.state is ProjectState.DELETING:
        raise PermanentError(SUPERSEDED)
    return project


def require_database_name(project: Project) -> str:
    """The name of the project's database.

    Raises:
        PermanentError: it has none.
    """
    if project.database_name is None:
        raise PermanentError("the project has no database: its provisioning has not succeeded")
    return project.database_name


async def no_effect(_tx: Transaction, _now: datetime) -> None:
    """The state already says what the job has done."""
