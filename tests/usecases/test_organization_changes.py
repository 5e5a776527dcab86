"""An organization is put under another plan, suspended and released, and its projects follow."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from capyd.domain.errors import InvalidError, NotFoundError
from capyd.domain.jobs import APPLY_SETTINGS
from capyd.domain.plans import DEFAULT_PLANS, GIB
from capyd.domain.projects import Project, ProjectState
from capyd.sqlite.database import Database
from capyd.sqlite.followers import update_ceilings
from capyd.sqlite.projects import find_project, update_project_state
from capyd.usecases.organization_changes import OrganizationChanges
from tests.state import START, ManualClock, add_job, add_organization, add_project, get_job, open_state

PLANS = DEFAULT_PLANS


@dataclass
class World:
    database: Database
    clock: ManualClock = field(default_factory=ManualClock)
    woken: int = 0
    forgotten: int = 0
    changes: OrganizationChanges = field(init=False)

    def __post_init__(self) -> None:
        self.changes = OrganizationChanges(
            database=self.database,
            plans=PLANS,
            max_attempts=5,
            wake_runner=self.wake,
            forget_principals=self.forget,
            clock=self.clock,
        )

    def wake(self) -> None:
        self.woken += 1

    def forget(self) -> None:
        self.forgotten += 1

    async def project(self, project_id: str) -> Project:
        async with self.database.reading() as reads:
            found = await find_project(reads, project_id, organization_id=None)
        assert found is not None
        return found

    async def add(self, project_id: str, state: ProjectState = ProjectState.PROVISIONING, **values: object) -> None:
        """A project with what its plan gives, but for `values`."""
        await add_project(self.database, project_id, state=state)
        given = await self.project(project_id)
        given = replace(given, **{"storage_limit_bytes": 5 * GIB, **values})
        async with self.database.transaction() as tx:
            await update_ceilings(tx, [given], now=START)

    async def count(self, sql: str) -> int:
        async with self.database.reading() as reads:
            row = await reads.fetch_one(sql)
        assert row is not None
        return int(row[0])


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_state(tmp_path / "s") as database:
        await add_organization(database)
        yield World(database)


async def test_a_larger_plan_raises_what_was_not_set_for_the_project(world: World) -> None:
    await world.add("prj_1")
    await world.add("prj_2", max_connections=3, statement_timeout=timedelta(seconds=7))
    organization, jobs = await world.changes.update("org_1", name=None, plan="ship")
    assert (organization.plan, jobs, world.woken) == ("ship", 2, 1)

    plan, followed = PLANS["ship"], await world.project("prj_1")
    assert (followed.plan, followed.limits, followed.storage_limit_bytes) == ("ship", plan.limits, 20 * GIB)
    kept = await world.project("prj_2")
    assert (kept.max_connections, kept.statement_timeout) == (3, timedelta(seconds=7))
    assert kept.idle_transaction_timeout == plan.idle_transaction_timeout
    job = await get_job(world.database, kept.latest_job_id)
    assert (job.type, job.locked_resource, job.max_attempts) == (APPLY_SETTINGS, "project:prj_2", 5)


async def test_a_smaller_plan_cuts_what_is_beyond_it(world: World) -> None:
    await world.changes.update("org_1", name=None, plan="business")
    await world.add("prj_1", max_connections=40, statement_timeout=timedelta(seconds=10))
    await world.changes.update("org_1", name=None, plan="ship")
    project = await world.project("prj_1")
    assert (project.max_connections, project.statement_timeout) == (30, timedelta(seconds=10))


async def test_what_changes_nothing_makes_no_job(world: World) -> None:
    await world.add(
        "prj_1", max_connections=2, statement_timeout=timedelta(1e-5), idle_transaction_timeout=timedelta(1e-5)
    )
    assert (await world.changes.update("org_1", name=None, plan="vibe"))[1] == 0
    assert (await world.changes.update("org_1", name="B", plan=None))[1] == 0
    assert (await world.changes.update("org_1", name=None, plan="ship"))[1] == 0  # all of it is the project's own
    assert (await world.project("prj_1")).storage_limit_bytes == 20 * GIB
    assert (await world.changes.release("org_1"))[1] == 0


async def test_a_suspension_and_its_end(world: World) -> None:
    await world.add("prj_1")
    await world.add("prj_2", ProjectState.DELETING)
    await world.add("prj_3")
    async with world.database.transaction() as tx:
        await update_project_state(tx, "prj_3", ProjectState.FAILED, now=START, last_error="broken")
    await add_job(world.database, "job_1", project_id="prj_1")
    organization, jobs = await world.changes.suspend("org_1", reason="unpaid")
    assert (organization.suspended_at, organization.suspended_reason, jobs) == (START, "unpaid", 2)
    shut = await world.project("prj_1")
    assert shut.limits.is_shut
    assert shut.limits.sessions == 0
    assert await world.count("SELECT count(*) FROM jobs WHERE held = 1 AND project_id = 'prj_3'") == 1
    assert await world.count("SELECT count(*) FROM jobs WHERE project_id = 'prj_2'") == 0
    assert await world.count(
        "SELECT (SELECT position FROM jobs WHERE id = 'job_1') < position FROM jobs, projects"
        " WHERE jobs.id = latest_job_id AND projects.id = 'prj_1'"
    )
    world.clock.advance(timedelta(hours=1))
    organization, jobs = await world.changes.suspend("org_1", reason="still unpaid")
    assert (organization.suspended_at, organization.suspended_reason, jobs) == (START, "still unpaid", 0)
    assert await world.changes.suspend("org_1", reason="still unpaid") == (organization, 0)

    organization, jobs = await world.changes.release("org_1")
    assert (organization.suspended_at, organization.suspended_reason, jobs) == (None, None, 2)
    assert not (await world.project("prj_1")).limits.is_shut
    assert world.forgotten == 3


async def test_what_is_refused_changes_nothing(world: World) -> None:
    await world.add("prj_1")
    for refused in (
        world.changes.update("org_1", name=None, plan="none"),
        world.changes.update("org_1", name="\n", plan="ship"),
        world.changes.suspend("org_1", reason=""),
        world.changes.suspend("org_1", reason="two\nlines"),
    ):
        with pytest.raises(InvalidError):
            await refused
    for nobody in (
        world.changes.update("org_2", name=None, plan="ship"),
        world.changes.suspend("org_2", reason="unpaid"),
        world.changes.release("org_2"),
    ):
        with pytest.raises(NotFoundError):
            await nobody
    assert await world.count("SELECT count(*) FROM jobs") == 0
    assert await world.count("SELECT count(*) FROM organizations WHERE plan = 'vibe' AND suspended_at IS NULL") == 1
    assert world.forgotten == 0


async def test_two_thousand_projects_follow_in_one_transaction(world: World) -> None:
    await world.add("prj_0")
    async with world.database.transaction() as tx:
        columns = (
            "organization_id, name, environment, state, always_on, max_connections, statement_timeout, "
            "idle_transaction_timeout, storage_limit_bytes, created_at, updated_at, latest_job_id"
        )
        await tx.execute(
            f"""
            WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1999)
            INSERT INTO projects (id, slug, {columns})
            SELECT 'prj_' || n, 'prj-' || n, {columns} FROM projects, numbers WHERE id = 'prj_0'
            """  # noqa: S608
        )
    assert (await world.changes.update("org_1", name=None, plan="business"))[1] == 2000
    assert (await world.changes.suspend("org_1", reason="unpaid"))[1] == 2000
    assert await world.count("SELECT count(DISTINCT project_id) FROM jobs") == 2000
    assert await world.count("SELECT count(*) FROM projects WHERE max_connections = 60") == 2000
    assert await world.count("SELECT count(*) FROM projects JOIN jobs ON jobs.id = latest_job_id") == 2000
