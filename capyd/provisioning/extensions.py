"""`project.extension_enable`, `_disable` and `_update`: one statement each, in the project's database."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from capyd.domain.jobs import EXTENSION_DISABLE, EXTENSION_ENABLE, EXTENSION_UPDATE, Job
from capyd.jobs.job_type import Effect
from capyd.jobs.steps import Steps
from capyd.postgres.connections import AdminConnections
from capyd.postgres.extensions import create_extension, drop_extension, update_extension
from capyd.provisioning.cluster import ClusterWatch
from capyd.provisioning.projects import get_project, no_effect, require_database_name
from capyd.sqlite.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class ExtensionChange:
    """One of the three: what it is called, and the statement."""

    name: str
    verb: str
    act: Callable[[AdminConnections, str, str], Awaitable[None]]


EXTENSION_CHANGES = (
    ExtensionChange(EXTENSION_ENABLE, "create", create_extension),
    ExtensionChange(EXTENSION_DISABLE, "drop", drop_extension),
    ExtensionChange(EXTENSION_UPDATE, "update", update_extension),
)


class ChangeExtension:
    """Runs one of `EXTENSION_CHANGES` for the extension that the job names."""

    concurrency = 8

    def __init__(
        self,
        change: ExtensionChange,
        *,
        database: Database,
        connections: AdminConnections,
        cluster: ClusterWatch,
    ) -> None:
        self.name = change.name
        self._change = change
        self._database = database
        self._connections = connections
        self._cluster = cluster

    async def run(self, job: Job, steps: Steps) -> Effect:
        """Run the statement; it observes by itself (IF NOT EXISTS, IF EXISTS)."""
        database_name = require_database_name(await get_project(self._database, job))
        self._cluster.require()
        extension = job.arguments["extension"]
        async with steps.step(f"{self._change.verb} the extension {extension}", seconds=120):
            await self._change.act(self._connections, database_name, extension)
        return no_effect

    async def fail(self, tx: Transaction, job: Job, error: str, now: datetime) -> None:
        """The project stays as it was; the job says why."""
