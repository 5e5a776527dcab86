"""What was accepted behind a provisioning that fails waits for the retry, and the retry goes first."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from capyd.domain.errors import ConflictError
from capyd.domain.jobs import EXTENSION_ENABLE, PROVISION, Job, JobState
from capyd.domain.plans import DEFAULT_PLANS
from capyd.domain.principals import Principal
from capyd.domain.projects import Project, ProjectState
from capyd.jobs.watchers import JobWatchers
from capyd.provisioning.provision import Provision
from capyd.sqlite.database import Database
from capyd.sqlite.job_moves import complete_job, fail_job, start_due_jobs
from capyd.usecases.projects import NewProject, Projects
from tests.state import START, ManualClock, add_organization, get_job, open_state

OWNER = Principal(auth_source="api_key", scopes=("*",), organization_id="org_1", api_key_id="key_1")


@dataclass
class World:
    database: Database
    projects: Projects

    async def start(self) -> list[Job]:
        """What the runner would start now."""
        async with self.database.transaction() as tx:
            return await start_due_jobs(tx, boot_id="b", free={PROVISION: 9, EXTENSION_ENABLE: 9}, now=START)

    async def fail(self, job: Job) -> None:
        """The job ends as the executor ends one that failed for good."""
        provision = Provision(database=self.database, connections=None, cluster=None, spares=None, pooler_sync=None)
        async with self.database.transaction() as tx:
            await fail_job(tx, job, error="broken", detail="", classification="permanent", journal="", now=START)
            await provision.fail(tx, job, "broken", START)

    async def enable(self, project: Project) -> Job:
        async with self.database.transaction() as tx:
            return await self.projects.accept_job(tx, project, EXTENSION_ENABLE, {"extension": "citext"})


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_state(tmp_path / "s") as database:
        await add_organization(database)
        yield World(
            database,
            Projects(
                database=database,
                plans=DEFAULT_PLANS,
                max_attempts=5,
                wake_runner=lambda: None,
                watchers=JobWatchers(),
                clock=ManualClock(),
            ),
        )


async def test_what_waits_behind_a_failure_runs_after_the_retry(world: World) -> None:
    project, provision = await world.projects.create(OWNER, NewProject("a"))
    before = await world.enable(project)
    (running,) = await world.start()
    assert running.id == provision.id
    await world.fail(running)

    failed = await world.projects.get(OWNER, project.id)
    assert (failed.state, failed.last_error) == (ProjectState.FAILED, "broken")
    after = await world.enable(failed)
    assert await world.start() == []

    retry = await world.projects.retry_provisioning(OWNER, project.id)
    assert await world.projects.retry_provisioning(OWNER, project.id) == retry
    assert (await world.projects.get(OWNER, project.id)).last_error is None
    for job_id in (retry.id, before.id, after.id):
        (running,) = await world.start()
        assert running.id == job_id
        async with world.database.transaction() as tx:
            await complete_job(tx, running, journal="", now=START)


async def test_only_a_failed_project_is_provisioned_again(world: World) -> None:
    project, provision = await world.projects.create(OWNER, NewProject("a"))
    assert (await world.projects.retry_provisioning(OWNER, project.id)).id == provision.id
    await world.projects.delete(OWNER, project.id)
    with pytest.raises(ConflictError, match="is deleting"):
        await world.projects.retry_provisioning(OWNER, project.id)


async def test_deleting_a_failed_project_supersedes_what_waits(world: World) -> None:
    project, _ = await world.projects.create(OWNER, NewProject("a"))
    behind = await world.enable(project)
    (running,) = await world.start()
    await world.fail(running)
    delete = await world.projects.delete(OWNER, project.id)
    assert await world.projects.delete(OWNER, project.id) == delete
    superseded = await get_job(world.database, behind.id)
    assert (superseded.state, superseded.error) == (JobState.FAILED, "superseded by the project's deletion")
    assert (await world.projects.get(OWNER, project.id)).state is ProjectState.DELETING


async def test_a_failure_does_not_undo_a_deletion_that_was_accepted_meanwhile(world: World) -> None:
    project, _ = await world.projects.create(OWNER, NewProject("a"))
    (running,) = await world.start()
    await world.projects.delete(OWNER, project.id)
    await world.fail(running)
    assert (await world.projects.get(OWNER, project.id)).state is ProjectState.DELETING
