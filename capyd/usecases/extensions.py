"""List, enable, disable and update a project's extensions."""

from collections.abc import Sequence
from dataclasses import dataclass

from capyd.domain.errors import ConflictError, InvalidError, UnavailableError
from capyd.domain.extensions import CATALOGUE, CatalogueEntry
from capyd.domain.failures import StepError
from capyd.domain.installed import ExtensionInDatabase
from capyd.domain.jobs import EXTENSION_DISABLE, EXTENSION_ENABLE, EXTENSION_UPDATE, Job
from capyd.domain.principals import Principal
from capyd.domain.projects import Project
from capyd.postgres.connections import AdminConnections
from capyd.postgres.extensions import list_extensions
from capyd.provisioning.cluster import ClusterWatch
from capyd.sqlite.database import Database
from capyd.usecases.lookup import get_project
from capyd.usecases.projects import Projects, refuse_deleting

_SHOWN_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class ProjectExtension:
    """An extension of the catalogue as one project's database has it."""

    entry: CatalogueEntry
    found: ExtensionInDatabase


class Extensions:
    """The use cases of extensions."""

    def __init__(
        self,
        *,
        database: Database,
        projects: Projects,
        connections: AdminConnections,
        cluster: ClusterWatch,
        catalogue: Sequence[str],
    ) -> None:
        self._database = database
        self._projects = projects
        self._connections = connections
        self._cluster = cluster
        self._catalogue = {name: CATALOGUE[name] for name in catalogue}

    async def list(self, principal: Principal, project_id: str) -> list[ProjectExtension]:
        """The catalogue, cut down to what the cluster carries, as the live database has it.

        Raises:
            NotFoundError: there is no such project, or it is not the principal's.
            ConflictError: it has no database yet, or is being deleted.
            UnavailableError: the database cannot be asked.
        """
        async with self._database.reading() as reads:
            project = await get_project(reads, principal, project_id)
        refuse_deleting(project)
        if project.database_name is None:
            raise ConflictError(
                f"the project is {project.state}: it has no extensions until it is ready", code="not_provisioned"
            )
        try:
            self._cluster.require()
            found = await list_extensions(self._connections, project.database_name)
        except StepError as error:
            raise UnavailableError(f"the project's database cannot be asked: {error.summary}") from error
        by_name = {extension.available.name: extension for extension in found}
        return [ProjectExtension(entry, by_name[name]) for name, entry in self._catalogue.items() if name in by_name]

    async def enable(self, principal: Principal, project_id: str, name: str) -> Job:
        """The job that enables it.

        Raises:
            NotFoundError: there is no such project, or it is not the principal's.
            InvalidError: it is not in the catalogue, or this cluster does not carry it.
            ConflictError: the project is being deleted.
        """
        return await self._accept(principal, project_id, name, EXTENSION_ENABLE)

    async def disable(self, principal: Principal, project_id: str, name: str) -> Job:
        """The job that disables it. Raises as `enable`."""
        return await self._accept(principal, project_id, name, EXTENSION_DISABLE)

    async def update(self, principal: Principal, project_id: str, name: str) -> Job:
        """The job that updates it to the version the cluster carries. Raises as `enable`."""
        return await self._accept(principal, project_id, name, EXTENSION_UPDATE)

    async def _accept(self, principal: Principal, project_id: str, name: str, job_type: str) -> Job:
        async with self._database.transaction() as tx:
            project: Project = await get_project(tx, principal, project_id)
            refuse_deleting(project)
            self._check_name(name)
            return await self._projects.accept_job(tx, project, job_type, {"extension": name})

    def _check_name(self, name: str) -> None:
        if name not in self._catalogue:
            shown = repr(name[:_SHOWN_CHARACTERS]) if name else "without a name"
            raise InvalidError(
                f"there is no extension {shown} in the catalogue: there are {', '.join(self._catalogue)}", field="name"
            )
        # With the cluster away nobody knows what it carries: the job will say.
        if self._cluster.trouble is None and name not in self._cluster.require().extensions:
            raise InvalidError(f"this cluster does not carry the extension {name}", field="name")
