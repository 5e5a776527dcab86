"""Create, list, get, change and delete projects."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from capyd.domain.durations import parse_duration
from capyd.domain.errors import ConflictError, ForbiddenError, TakenError
from capyd.domain.ids import new_id
from capyd.domain.jobs import APPLY_SETTINGS, DELETE, PROVISION, Job, NewJob
from capyd.domain.names import check_name, check_slug, derive_slug, with_suffix
from capyd.domain.paging import Page, PageRequest
from capyd.domain.plans import Plan
from capyd.domain.principals import Principal
from capyd.domain.projects import (
    Project,
    ProjectState,
    check_environment,
    check_max_connections,
    check_timeout,
)
from capyd.jobs.watchers import JobWatchers
from capyd.runtime.clock import Clock
from capyd.sqlite.database import Database, Reads, Transaction
from capyd.sqlite.job_moves import hold_pending_jobs, supersede_pending_jobs
from capyd.sqlite.jobs import find_open_job, insert_job
from capyd.sqlite.organizations import find_organization
from capyd.sqlite.projects import (
    insert_project,
    is_slug_taken,
    list_projects,
    update_project_job,
    update_project_settings,
    update_project_state,
)
from capyd.usecases.lookup import acting_organization_id, get_project, no_organization


@dataclass(frozen=True, slots=True)
class NewProject:
    """What a creation asks for; None: left to the daemon."""

    name: str
    environment: str | None = None
    slug: str | None = None
    organization_id: str | None = None


@dataclass(frozen=True, slots=True)
class ProjectChange:
    """What a change asks for; None: as it is."""

    name: str | None = None
    environment: str | None = None
    always_on: bool | None = None
    max_connections: int | None = None
    statement_timeout: str | None = None
    idle_transaction_timeout: str | None = None


class Projects:
    """The use cases of projects. Each mutation returns once its transaction is on disk."""

    def __init__(
        self,
        *,
        database: Database,
        plans: Mapping[str, Plan],
        max_attempts: int,
        wake_runner: Callable[[], None],
        watchers: JobWatchers,
        clock: Clock,
    ) -> None:
        self._database = database
        self._plans = plans
        self._max_attempts = max_attempts
        self._wake_runner = wake_runner
        self._watchers = watchers
        self._clock = clock

    async def list(self, principal: Principal, page: PageRequest, *, organization_id: str | None) -> Page[Project]:
        """The principal's projects, the oldest first; `organization_id` narrows an administrator's list alone."""
        async with self._database.reading() as reads:
            return await list_projects(
                reads,
                page,
                organization_id=principal.organization_id or organization_id,
                project_id=principal.project_id,
            )

    async def get(self, principal: Principal, project_id: str) -> Project:
        """One project.

        Raises:
            NotFoundError: not there, or not the principal's.
        """
        async with self._database.reading() as reads:
            return await get_project(reads, principal, project_id)

    async def create(self, principal: Principal, new: NewProject) -> tuple[Project, Job]:
        """A project in the state `provisioning`, and the job that makes it `ready`.

        Raises:
            InvalidError: a name, slug or environment that cannot be.
            NotFoundError: there is no such organization, or it is another one than the principal's.
            ForbiddenError: the organization is suspended.
            TakenError: the slug given is a live project's.
        """
        organization_id = acting_organization_id(principal, new.organization_id)
        name = check_name(new.name)
        environment = check_environment("production" if new.environment is None else new.environment)
        slug = None if new.slug is None else check_slug(new.slug)
        now = self._clock()
        async with self._database.transaction() as tx:
            organization = await find_organization(tx, organization_id)
            if organization is None:
                raise no_organization(organization_id)
            if organization.suspended_at is not None:
                raise ForbiddenError("the organization is suspended: nothing can be changed until it is released")
            plan = self._plan(organization.plan)
            project_id = new_id("prj")
            job = self._new_job(PROVISION, project_id, organization_id)
            project = Project(
                id=project_id,
                organization_id=organization_id,
                name=name,
                slug=await self._free_slug(tx, organization_id, slug, name),
                environment=environment,
                plan=plan.name,
                state=ProjectState.PROVISIONING,
                is_rotating=False,
                always_on=environment == "production",
                last_error=None,
                latest_job_id=job.id,
                database_name=None,
                role_name=None,
                sealed_password=None,
                max_connections=plan.max_connections,
                statement_timeout=plan.statement_timeout,
                idle_transaction_timeout=plan.idle_transaction_timeout,
                storage_limit_bytes=plan.storage_limit_bytes,
                created_at=now,
                updated_at=now,
            )
            await insert_project(tx, project)
            accepted = await insert_job(tx, job, now=now)
            tx.after_commit(self._wake_runner)
        return project, accepted

    async def update(self, principal: Principal, project_id: str, change: ProjectChange) -> Project:
        """The project with the desired values. What PostgreSQL must learn of them is left to a job.

        Raises:
            NotFoundError: not there, or not the principal's.
            InvalidError: a value that cannot be.
            ConflictError: a value beyond the plan, or the project is being deleted.
        """
        now = self._clock()
        async with self._database.transaction() as tx:
            project = await get_project(tx, principal, project_id)
            refuse_deleting(project)
            plan = self._plan(project.plan)
            environment = project.environment
            always_on = project.always_on
            if change.environment is not None:
                environment = check_environment(change.environment)
                always_on = environment == "production"
            statement_timeout = _changed_timeout(
                change.statement_timeout,
                project.statement_timeout,
                plan.statement_timeout,
                plan=plan,
                field="statement_timeout",
            )
            idle_transaction_timeout = _changed_timeout(
                change.idle_transaction_timeout,
                project.idle_transaction_timeout,
                plan.idle_transaction_timeout,
                plan=plan,
                field="idle_transaction_timeout",
            )
            max_connections = project.max_connections
            if change.max_connections is not None:
                max_connections = check_max_connections(change.max_connections, plan)
            wanted = replace(
                project,
                name=project.name if change.name is None else check_name(change.name),
                environment=environment,
                always_on=always_on if change.always_on is None else change.always_on,
                max_connections=max_connections,
                statement_timeout=statement_timeout,
                idle_transaction_timeout=idle_transaction_timeout,
            )
            if wanted == project:
                return project
            await update_project_settings(
                tx,
                project_id,
                name=wanted.name,
                environment=wanted.environment,
                always_on=wanted.always_on,
                max_connections=wanted.max_connections,
                statement_timeout=wanted.statement_timeout,
                idle_transaction_timeout=wanted.idle_transaction_timeout,
                now=now,
            )
            if wanted.limits != project.limits:
                await self.accept_job(tx, project, APPLY_SETTINGS)
            return await get_project(tx, principal, project_id)

    async def delete(self, principal: Principal, project_id: str) -> Job:
        """The job that deletes the project; while one is open, that one.

        Raises:
            NotFoundError: not there, or not the principal's.
        """
        now = self._clock()
        async with self._database.transaction() as tx:
            project = await get_project(tx, principal, project_id)
            if project.state is ProjectState.DELETING:
                deleting = await find_open_job(tx, project_id, DELETE)
                if deleting is not None:
                    return deleting
            job = self._new_job(DELETE, project_id, project.organization_id)
            superseded = await supersede_pending_jobs(
                tx, job.locked_resource, error="superseded by the project's deletion", now=now
            )
            await update_project_state(tx, project_id, ProjectState.DELETING, now=now)
            await update_project_job(tx, project_id, latest_job_id=job.id, now=now)
            accepted = await insert_job(tx, job, now=now)
            tx.after_commit(self._wake_runner)
            for job_id in superseded:
                tx.after_commit(partial(self._watchers.notify, job_id))
        return accepted

    async def retry_provisioning(self, principal: Principal, project_id: str) -> Job:
        """A new provisioning job at the head of the project's queue; while one is open, that one.

        Raises:
            NotFoundError: not there, or not the principal's.
            ConflictError: the project has not failed.
        """
        now = self._clock()
        async with self._database.transaction() as tx:
            project = await get_project(tx, principal, project_id)
            running = await find_open_job(tx, project_id, PROVISION)
            if running is not None:
                return running
            if project.state is not ProjectState.FAILED:
                raise ConflictError(f"the project is {project.state}, and only a failed one is provisioned again")
            job = self._new_job(PROVISION, project_id, project.organization_id)
            await update_project_state(tx, project_id, ProjectState.PROVISIONING, now=now)
            await update_project_job(tx, project_id, latest_job_id=job.id, now=now)
            accepted = await insert_job(tx, job, now=now, at_head=True)
            await hold_pending_jobs(tx, job.locked_resource, held=False)
            tx.after_commit(self._wake_runner)
        return accepted

    async def accept_job(
        self, tx: Transaction, project: Project, job_type: str, arguments: dict[str, str] | None = None
    ) -> Job:
        """Accept a job for a project, inside the caller's transaction, and name it as the latest.

        Behind a failed provisioning it is held until that has been retried.
        """
        job = self._new_job(job_type, project.id, project.organization_id, arguments)
        now = self._clock()
        accepted = await insert_job(tx, job, now=now, held=project.state is ProjectState.FAILED)
        await update_project_job(tx, project.id, latest_job_id=job.id, now=now)
        tx.after_commit(self._wake_runner)
        return accepted

    def _new_job(
        self, job_type: str, project_id: str, organization_id: str, arguments: dict[str, str] | None = None
    ) -> NewJob:
        return NewJob(new_id("job"), job_type, project_id, organization_id, self._max_attempts, arguments or {})

    def _plan(self, name: str) -> Plan:
        plan = self._plans.get(name)
        if plan is None:
            raise ConflictError(
                f"the organization's plan {name} is not in this daemon's configuration", code="unknown_plan"
            )
        return plan

    async def _free_slug(self, reads: Reads, organization_id: str, given: str | None, name: str) -> str:
        slug = derive_slug(name) if given is None else given
        if not await is_slug_taken(reads, organization_id, slug):
            return slug
        if given is not None:
            raise TakenError(f"the slug {given} is another project's", field="slug")
        return with_suffix(slug)


def refuse_deleting(project: Project) -> None:
    """Return when the project may still be changed.

    Raises:
        ConflictError: it is being deleted.
    """
    if project.state is ProjectState.DELETING:
        raise ConflictError("the project is being deleted", code="deleting")


def _changed_timeout(
    wanted: str | None, present: timedelta, ceiling: timedelta, *, plan: Plan, field: str
) -> timedelta:
    if wanted is None:
        return present
    return check_timeout(parse_duration(wanted, field=field), ceiling, plan=plan, field=field)
