"""`project.apply_settings`: what a PATCH, a new plan or a suspension left to do."""

from datetime import datetime

from capyd.domain.jobs import APPLY_SETTINGS, Job
from capyd.domain.projects import Project
from capyd.domain.specifications import to_specification
from capyd.jobs.job_type import Effect
from capyd.jobs.steps import Steps
from capyd.pgbouncer.pooler import Pooler
from capyd.postgres.connections import AdminConnections
from capyd.postgres.shutting import end_tenant_sessions
from capyd.postgres.tenants import apply_limits
from capyd.provisioning.cluster import ClusterWatch
from capyd.provisioning.pooled_sessions import end_pooled_sessions
from capyd.provisioning.pooler_sync import PoolerSync
from capyd.provisioning.projects import get_project, no_effect, require_database_name
from capyd.sqlite.database import Database, Transaction


class ApplySettings:
    """Applies the desired values as they are when it runs: of several in a row the last one alone has work."""

    name = APPLY_SETTINGS
    concurrency = 8

    def __init__(
        self,
        *,
        database: Database,
        connections: AdminConnections,
        cluster: ClusterWatch,
        pooler: Pooler,
        pooler_sync: PoolerSync,
    ) -> None:
        self._database = database
        self._connections = connections
        self._cluster = cluster
        self._pooler = pooler
        self._pooler_sync = pooler_sync

    async def run(self, job: Job, steps: Steps) -> Effect:
        """Limits in Postgres, then what the pooler has to do with them.

        Of an organization that is suspended when it runs, nobody is let in from here on, and the sessions end.
        """
        project = await get_project(self._database, job)
        database_name = require_database_name(project)
        self._cluster.require()
        async with steps.step("set the limits in PostgreSQL", seconds=20):
            await apply_limits(
                self._connections, project.id, project.limits, to_specification(project), note=steps.note
            )
        if project.is_suspended:
            await self._shut(project, database_name, steps)
        else:
            await self._open(database_name, steps)
        return no_effect

    async def _open(self, database_name: str, steps: Steps) -> None:
        async with steps.step("set the pool size", seconds=30):
            await self._pooler_sync.sync()
        async with steps.step("renew the pool's server connections", seconds=20):
            # It may be shut still, by a suspension that was taken back half way.
            await self._pooler.enable(database_name)
            await self._pooler.reconnect(database_name)

    async def _shut(self, project: Project, database_name: str, steps: Steps) -> None:
        await end_pooled_sessions(self._pooler, database_name, steps)
        async with steps.step("leave the pooler", seconds=30):
            await self._pooler_sync.sync()
        async with steps.step("end direct sessions", seconds=20):
            await end_tenant_sessions(self._connections, project.id, note=steps.note)

    async def fail(self, tx: Transaction, job: Job, error: str, now: datetime) -> None:
        """The project goes on with the limits it had; the job says why."""
