"""One look at everything that reconciling compares."""

from collections.abc import Mapping
from dataclasses import dataclass

from capyd.domain.failures import PoolerUnreachableError
from capyd.domain.findings import Compared
from capyd.domain.projects import Project
from capyd.pgbouncer.contents import PoolerContents
from capyd.pgbouncer.pooler import Pooler
from capyd.postgres.connections import AdminConnections
from capyd.postgres.inventory import Inventory, take_inventory
from capyd.provisioning.spares import Spares
from capyd.sqlite.database import Database
from capyd.sqlite.jobs import list_projects_with_open_jobs
from capyd.sqlite.projects import list_live_projects


@dataclass(frozen=True, slots=True)
class Observation:
    """What the state desires, and what there is."""

    projects: Mapping[str, Project]
    """The live ones, by id."""
    unsettled: frozenset[str]
    """Ids of projects that a job is changing, or that changed between the beginning of the look and its end."""
    inventory: Inventory
    pooler: PoolerContents | None
    """None: it does not answer."""
    in_hand: frozenset[str]
    """Databases that this daemon is building or dropping."""
    direct_ssl_mode: str
    """What direct URLs say."""

    @property
    def compared(self) -> Compared:
        """How much that is."""
        return Compared(
            projects=len(self.projects),
            tenants=len(self.inventory.rows),
            databases=len(self.inventory.databases),
            roles=len(self.inventory.roles),
            pooler_entries=0 if self.pooler is None else len(self.pooler.pool_sizes),
        )


class Observer:
    """Looks. Nothing is locked meanwhile, so a look may catch a change half way."""

    def __init__(
        self,
        *,
        database: Database,
        connections: AdminConnections,
        pooler: Pooler,
        spares: Spares,
        direct_ssl_mode: str,
    ) -> None:
        self._database = database
        self._connections = connections
        self._pooler = pooler
        self._spares = spares
        self._direct_ssl_mode = direct_ssl_mode

    async def look(self) -> Observation:
        """What there is now.

        Raises:
            UnreachableError, TransientError: the cluster could not be looked at.
        """
        in_hand_before = self._spares.in_hand
        projects_before, busy_before = await self._read_state()
        inventory = await take_inventory(self._connections)
        pooler = await self._look_at_pooler()
        projects, busy = await self._read_state()
        changed = {
            project_id
            for project_id in projects.keys() | projects_before.keys()
            if projects.get(project_id) != projects_before.get(project_id)
        }
        return Observation(
            projects=projects,
            unsettled=frozenset(busy_before | busy | changed),
            inventory=inventory,
            pooler=pooler,
            in_hand=in_hand_before | self._spares.in_hand,
            direct_ssl_mode=self._direct_ssl_mode,
        )

    async def _read_state(self) -> tuple[dict[str, Project], set[str]]:
        async with self._database.reading() as reads:
            busy = await list_projects_with_open_jobs(reads)
            projects = await list_live_projects(reads)
        return {project.id: project for project in projects}, busy

    async def _look_at_pooler(self) -> PoolerContents | None:
        try:
            return await self._pooler.contents()
        except PoolerUnreachableError:
            return None
