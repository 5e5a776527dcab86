"""`project.apply_settings`: what a PATCH left to do."""

from datetime import datetime

from capyd.domain.jobs import APPLY_SETTINGS, Job
from capyd.domain.specifications import to_specification
from capyd.jobs.job_type import Effect
from capyd.jobs.steps import Steps
from capyd.pgbouncer.pooler import Pooler
from capyd.postgres.connections import AdminConnections
from capyd.postgres.tenants import apply_limits
from capyd.provisioning.cluster import ClusterWatch
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
        """Limits in Postgres, pool size in the pooler, then new server connections that have them."""
        project = await get_project(self._database, job)
        database_name = require_database_name(project)
        self._cluster.require()
        async with steps.step("set the limits in PostgreSQL", seconds=20):
            await apply_limits(
                self._connections, project.id, project.limits, to_specification(project), note=steps.note
            )
        async with steps.step("set the pool size", seconds=30):
            await self._pooler_sync.sync()
        async with steps.step("renew the pool's server connections", seconds=20):
            await self._pooler.reconnect(database_name)
        return no_effect

    async def fail(self, tx: Transaction, job: Job, error: str, now: datetime) -> None:
        """The project goes on with the limits it had; the job says why."""
