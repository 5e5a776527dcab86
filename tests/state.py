"""A state file with an organization and a project in it, for tests of what stands on it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from capyd.domain.jobs import Job, NewJob
from capyd.domain.organizations import Organization
from capyd.domain.projects import Project, ProjectState
from capyd.sqlite.database import Database
from capyd.sqlite.jobs import find_job, insert_job
from capyd.sqlite.organizations import insert_organization
from capyd.sqlite.projects import insert_project

START = datetime(2026, 1, 1, tzinfo=UTC)


class ManualClock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, span: timedelta) -> None:
        self.now += span


@asynccontextmanager
async def open_state(path: Path) -> AsyncIterator[Database]:
    """The state file at `path`, open."""
    database = await Database.open(path)
    try:
        yield database
    finally:
        await database.close()


async def add_organization(database: Database, organization_id: str = "org_1") -> None:
    organization = Organization(organization_id, "A", organization_id, "vibe", START, START, None, None)
    async with database.transaction() as tx:
        await insert_organization(tx, organization)


async def add_project(
    database: Database,
    project_id: str = "prj_1",
    *,
    organization_id: str = "org_1",
    state: ProjectState = ProjectState.PROVISIONING,
) -> None:
    project = Project(
        id=project_id,
        organization_id=organization_id,
        name="A project",
        slug=project_id.replace("_", "-"),
        environment="production",
        plan="vibe",
        state=state,
        is_rotating=False,
        always_on=True,
        last_error=None,
        latest_job_id="job_0",
        database_name=None,
        role_name=None,
        sealed_password=None,
        max_connections=15,
        statement_timeout=timedelta(seconds=30),
        idle_transaction_timeout=timedelta(seconds=60),
        storage_limit_bytes=5,
        created_at=START,
        updated_at=START,
    )
    async with database.transaction() as tx:
        await insert_project(tx, project)


async def add_job(
    database: Database,
    job_id: str,
    *,
    job_type: str = "test.one",
    project_id: str = "prj_1",
    now: datetime = START,
    held: bool = False,
    at_head: bool = False,
    max_attempts: int = 3,
) -> Job:
    async with database.transaction() as tx:
        new = NewJob(job_id, job_type, project_id, "org_1", max_attempts, {})
        return await insert_job(tx, new, now=now, held=held, at_head=at_head)


async def get_job(database: Database, job_id: str) -> Job:
    async with database.reading() as reads:
        job = await find_job(reads, job_id, organization_id=None)
    assert job is not None
    return job
