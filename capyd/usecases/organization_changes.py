"""Change an organization, and have its projects follow: another plan, a suspension, a release."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from capyd.domain.ids import new_id
from capyd.domain.jobs import APPLY_SETTINGS
from capyd.domain.names import check_name
from capyd.domain.organizations import Organization
from capyd.domain.plans import Plan
from capyd.domain.projects import Project, follow_plan
from capyd.runtime.clock import Clock
from capyd.sqlite.database import Database, Reads, Transaction
from capyd.sqlite.followers import insert_following_jobs, list_followers, update_ceilings
from capyd.sqlite.organizations import find_organization, update_organization
from capyd.usecases.lookup import no_organization
from capyd.usecases.organizations import check_plan

Changed = tuple[Organization, int]
"""The organization as it is now, and how many of its projects have a job that makes them follow."""


class OrganizationChanges:
    """What administrators do to an organization. Each is one transaction with the jobs that it leaves to do."""

    def __init__(
        self,
        *,
        database: Database,
        plans: Mapping[str, Plan],
        max_attempts: int,
        wake_runner: Callable[[], None],
        forget_principals: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._database = database
        self._plans = plans
        self._max_attempts = max_attempts
        self._wake_runner = wake_runner
        self._forget_principals = forget_principals
        self._clock = clock

    async def update(self, organization_id: str, *, name: str | None, plan: str | None) -> Changed:
        """Another name or plan; None: as it is.

        Raises:
            NotFoundError: there is no such organization.
            InvalidError: a name or plan that cannot be.
        """
        async with self._database.transaction() as tx:
            before = await _get(tx, organization_id)
            organization = replace(
                before,
                name=before.name if name is None else check_name(name),
                plan=before.plan if plan is None else check_plan(plan, self._plans),
                updated_at=self._clock(),
            )
            if (organization.name, organization.plan) == (before.name, before.plan):
                return before, 0
            if organization.plan == before.plan:
                await update_organization(tx, organization)
                return organization, 0
            moved = [
                (project, follow_plan(project, self._plans.get(before.plan), self._plans[organization.plan]))
                for project in await list_followers(tx, organization_id)
            ]
            await update_organization(tx, organization)
            await update_ceilings(tx, (project for _, project in moved), now=organization.updated_at)
            # What PostgreSQL and the pooler have nothing of is not worth a job.
            following = [project for former, project in moved if project.limits != former.limits]
            return organization, await self._follow(tx, following, now=organization.updated_at)

    async def suspend(self, organization_id: str, *, reason: str) -> Changed:
        """Shut its projects, keep their data, and let nothing be changed. Suspended already: another reason.

        Raises:
            NotFoundError: there is no such organization.
            InvalidError: a reason that is none.
        """
        now = self._clock()
        async with self._database.transaction() as tx:
            before = await _get(tx, organization_id)
            check_name(reason, field="reason")
            if before.suspended_reason == reason:
                return before, 0
            organization = replace(
                before, suspended_at=before.suspended_at or now, suspended_reason=reason, updated_at=now
            )
            return await self._turn(tx, before, organization)

    async def release(self, organization_id: str) -> Changed:
        """Open its projects again. Not suspended: nothing is done.

        Raises:
            NotFoundError: there is no such organization.
        """
        async with self._database.transaction() as tx:
            before = await _get(tx, organization_id)
            if before.suspended_at is None:
                return before, 0
            organization = replace(before, suspended_at=None, suspended_reason=None, updated_at=self._clock())
            return await self._turn(tx, before, organization)

    async def _turn(self, tx: Transaction, before: Organization, organization: Organization) -> Changed:
        await update_organization(tx, organization)
        tx.after_commit(self._forget_principals)
        if (organization.suspended_at is None) == (before.suspended_at is None):
            return organization, 0
        projects = await list_followers(tx, organization.id)
        return organization, await self._follow(tx, projects, now=organization.updated_at)

    async def _follow(self, tx: Transaction, projects: Iterable[Project], *, now: datetime) -> int:
        job_ids = {project.id: new_id("job") for project in projects}
        await insert_following_jobs(tx, APPLY_SETTINGS, job_ids, max_attempts=self._max_attempts, now=now)
        tx.after_commit(self._wake_runner)
        return len(job_ids)


async def _get(reads: Reads, organization_id: str) -> Organization:
    organization = await find_organization(reads, organization_id)
    if organization is None:
        raise no_organization(organization_id)
    return organization
