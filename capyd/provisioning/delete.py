"""`project.delete`: first the tenant is shut out, then what it had is dropped."""

from datetime import datetime
from functools import partial

from capyd.domain.failures import PermanentError
from capyd.domain.jobs import DELETE, Job
from capyd.domain.projects import ProjectState
from capyd.jobs.job_type import Effect
from capyd.jobs.lanes import Lanes
from capyd.jobs.steps import Steps
from capyd.pgbouncer.pooler import Pooler
from capyd.postgres.connections import AdminConnections
from capyd.postgres.dropping import drop_tenant
from capyd.postgres.tenants import shut_out
from capyd.provisioning.cluster import ClusterWatch
from capyd.provisioning.pooled_sessions import end_pooled_sessions
from capyd.provisioning.pooler_sync import PoolerSync
from capyd.sqlite.database import Database, Transaction
from capyd.sqlite.projects import find_project, update_project_state


class Delete:
    """The mirror of a claim: one transaction closes the doors, and the slow drop follows at a polite rate."""

    name = DELETE
    concurrency = 32  # many may be shutting out; the lane lets one at a time drop

    def __init__(
        self,
        *,
        database: Database,
        connections: AdminConnections,
        cluster: ClusterWatch,
        pooler: Pooler,
        pooler_sync: PoolerSync,
        lanes: Lanes,
    ) -> None:
        self._database = database
        self._connections = connections
        self._cluster = cluster
        self._pooler = pooler
        self._pooler_sync = pooler_sync
        self._lanes = lanes

    async def run(self, job: Job, steps: Steps) -> Effect:
        """Shut out, leave the pooler, drop. Each part is fine when it is already gone."""
        self._cluster.require()
        async with steps.step("shut the tenant out", seconds=20):
            names = await shut_out(self._connections, job.project_id, note=steps.note)
        if names is None:
            await self._check_nothing_is_left(job)
            steps.note("the ledger has no tenant of this project: nothing to drop")
            return partial(_deleted, job.project_id)
        await end_pooled_sessions(self._pooler, names.database, steps)
        async with steps.step("leave the pooler", seconds=30):
            await self._pooler_sync.sync()
        async with self._lanes.drops, steps.step("drop the database and its roles", seconds=300):
            # Again: of many that stood in line, the first alone is to wait for a cluster that has gone.
            self._cluster.require()
            await drop_tenant(self._connections, names, note=steps.note)
        return partial(_deleted, job.project_id)

    async def fail(self, tx: Transaction, job: Job, error: str, now: datetime) -> None:
        """The project stays `deleting`, with the reason; another DELETE makes another job."""
        await update_project_state(tx, job.project_id, ProjectState.DELETING, now=now, last_error=error)

    async def _check_nothing_is_left(self, job: Job) -> None:
        """Without its ledger row nothing may be dropped, and a project that has a database must not seem gone.

        A first run that died between its last step and its commit leaves just that, so the database itself decides.
        """
        async with self._database.reading() as reads:
            project = await find_project(reads, job.project_id, organization_id=None)
        if project is None or project.database_name is None:
            return
        async with self._connections.maintenance() as connection:
            cursor = await connection.execute(
                "SELECT 1 FROM pg_catalog.pg_database WHERE datname = %s", (project.database_name,)
            )
            if await cursor.fetchone() is not None:
                raise PermanentError(
                    f"the ledger has no row for {project.database_name}, so that it is not capyd's to drop: "
                    "nothing was done"
                )


async def _deleted(project_id: str, tx: Transaction, now: datetime) -> None:
    await update_project_state(tx, project_id, ProjectState.DELETED, now=now)
