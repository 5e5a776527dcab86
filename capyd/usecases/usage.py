"""What an organization uses of its plan."""

from dataclasses import dataclass
from datetime import datetime

from capyd.domain.failures import StepError
from capyd.domain.principals import Principal
from capyd.domain.projects import Project
from capyd.postgres.connections import AdminConnections
from capyd.postgres.usage import list_connections
from capyd.provisioning.cluster import ClusterWatch
from capyd.sqlite.database import Database
from capyd.sqlite.organizations import find_organization
from capyd.sqlite.projects import list_live_projects_of_organization
from capyd.sqlite.storage import list_measurements
from capyd.usecases.lookup import no_organization, own_organization_id


@dataclass(frozen=True, slots=True)
class ProjectUsage:
    """One project's share."""

    project: Project
    storage_bytes: int
    connections: int
    """Sessions of its database now, the pooler's included; 0 while PostgreSQL is away."""
    measured_at: datetime | None
    """When the storage was measured; None: not yet."""


@dataclass(frozen=True, slots=True)
class Usage:
    """An organization's."""

    organization_id: str
    plan: str
    per_project: tuple[ProjectUsage, ...]
    """The oldest project first."""


class UsageReport:
    """The use case of usage."""

    def __init__(
        self,
        *,
        database: Database,
        connections: AdminConnections,
        cluster: ClusterWatch,
    ) -> None:
        self._database = database
        self._connections = connections
        self._cluster = cluster

    async def get(self, principal: Principal, organization_id: str) -> Usage:
        """The organization's usage. Storage is as it was last measured, sessions as they are.

        Raises:
            NotFoundError: there is no such organization, or it is not the principal's.
        """
        own_organization_id(principal, organization_id)
        async with self._database.reading() as reads:
            organization = await find_organization(reads, organization_id)
            if organization is None:
                raise no_organization(organization_id)
            projects = await list_live_projects_of_organization(reads, organization_id)
            measured = await list_measurements(reads, [project.id for project in projects])
        sessions = await self._sessions()
        return Usage(
            organization_id,
            organization.plan,
            tuple(
                ProjectUsage(
                    project,
                    storage_bytes=measured[project.id].size_bytes if project.id in measured else 0,
                    connections=sessions.get(project.id, 0),
                    measured_at=measured[project.id].measured_at if project.id in measured else None,
                )
                for project in projects
            ),
        )

    async def _sessions(self) -> dict[str, int]:
        if self._cluster.trouble is not None:
            return {}
        try:
            return await list_connections(self._connections)
        except StepError:
            return {}
