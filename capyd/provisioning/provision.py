"""`project.provision`: a spare becomes the project's."""

from datetime import datetime
from functools import partial

from capyd.domain.jobs import PROVISION, Job
from capyd.domain.projects import Project, ProjectState
from capyd.domain.specifications import to_specification
from capyd.domain.tenants import ClaimedTenant
from capyd.jobs.job_type import Effect
from capyd.jobs.steps import Steps
from capyd.postgres.connections import AdminConnections
from capyd.postgres.tenants import claim_spare
from capyd.provisioning.cluster import ClusterWatch
from capyd.provisioning.pooler_sync import PoolerSync
from capyd.provisioning.projects import get_project
from capyd.provisioning.spares import Spares
from capyd.sqlite.database import Database, Transaction
from capyd.sqlite.job_moves import hold_pending_jobs
from capyd.sqlite.projects import find_project, update_project_provisioned, update_project_state


class Provision:
    """Claims a spare in one Postgres transaction: before its commit it is a spare, after it the project's.

    So there is no half-made project to clean up, whatever dies when: a second run finds the claim of the first.
    """

    name = PROVISION
    concurrency = 64

    def __init__(
        self,
        *,
        database: Database,
        connections: AdminConnections,
        cluster: ClusterWatch,
        spares: Spares,
        pooler_sync: PoolerSync,
    ) -> None:
        self._database = database
        self._connections = connections
        self._cluster = cluster
        self._spares = spares
        self._pooler_sync = pooler_sync

    async def run(self, job: Job, steps: Steps) -> Effect:
        """Claim, building a spare where there is none; then make sure that the pooler knows it."""
        project = await get_project(self._database, job)
        self._cluster.require()
        tenant = await self._claim(project, steps)
        if project.limits.is_shut:
            self._pooler_sync.request()  # the spare's entry goes; the login has never been one
        elif not tenant.pooled:
            async with steps.step("register with the pooler", seconds=30):
                await self._pooler_sync.sync()
        elif project.limits.pool_size != self._spares.pool_size:
            # It has the spare's smaller pool until this reload: nothing that a client should wait for.
            self._pooler_sync.request()
        return partial(_provisioned, job.project_id, tenant)

    async def fail(self, tx: Transaction, job: Job, error: str, now: datetime) -> None:
        """The project is `failed`, and what was accepted behind this job stays pending until it is retried."""
        project = await find_project(tx, job.project_id, organization_id=None)
        if project is not None and project.state is ProjectState.PROVISIONING:
            await update_project_state(tx, project.id, ProjectState.FAILED, now=now, last_error=error)
            await hold_pending_jobs(tx, job.locked_resource, held=True)

    async def _claim(self, project: Project, steps: Steps) -> ClaimedTenant:
        self._spares.claimed()
        while True:
            async with steps.step("claim a spare", seconds=15):
                tenant = await claim_spare(
                    self._connections,
                    project_id=project.id,
                    organization_id=project.organization_id,
                    limits=project.limits,
                    specification=to_specification(project),
                )
            if tenant is not None:
                return tenant
            async with steps.step("build a spare, as there is none", seconds=120):
                await self._spares.build()


async def _provisioned(project_id: str, tenant: ClaimedTenant, tx: Transaction, now: datetime) -> None:
    await update_project_provisioned(
        tx,
        project_id,
        database_name=tenant.names.database,
        role_name=tenant.login,
        sealed_password=tenant.sealed_password,
        now=now,
    )
