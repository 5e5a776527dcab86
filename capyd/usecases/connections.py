"""Connection URLs, which work with every driver: `postgresql://`, and nothing to escape."""

from dataclasses import dataclass

from capyd.config.fields import SslMode
from capyd.config.settings import ClusterSettings
from capyd.domain.errors import ConflictError
from capyd.domain.principals import Principal
from capyd.domain.projects import ProjectState
from capyd.domain.secret import Secret
from capyd.host.sealing import Sealer, UnsealError
from capyd.sqlite.database import Database
from capyd.usecases.lookup import get_project


@dataclass(frozen=True, slots=True)
class ConnectionUrls:
    """How to reach one project, directly and through the pooler."""

    username: str
    direct: Secret
    pooled: Secret


class Connections:
    """Opens a project's sealed password, for whoever may read credentials."""

    def __init__(
        self, *, database: Database, sealer: Sealer, cluster: ClusterSettings, pooled_ssl_mode: SslMode
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._cluster = cluster
        self._pooled_ssl_mode = pooled_ssl_mode

    async def get(self, principal: Principal, project_id: str) -> ConnectionUrls:
        """The URLs.

        Raises:
            NotFoundError: not there, or not the principal's.
            ConflictError: it is not provisioned, is being deleted, or its password is not known (any more).
        """
        async with self._database.reading() as reads:
            project = await get_project(reads, principal, project_id)
        if project.state is ProjectState.DELETING:
            raise ConflictError("the project is being deleted", code="deleting")
        if project.database_name is None or project.role_name is None:
            raise ConflictError(
                f"the project is {project.state}: it has no connections until it is ready", code="not_provisioned"
            )
        if project.sealed_password is None:
            raise ConflictError(
                "the project's password was changed inside PostgreSQL and cannot be shown: "
                "whoever changed it (ALTER ROLE ... PASSWORD) knows it; rotate the credentials for one that is shown",
                code="password_unknown",
            )
        try:
            password = self._sealer.open(project.sealed_password, login=project.role_name)
        except UnsealError as error:
            raise ConflictError(
                f"the project's password cannot be shown: {error}; rotate the credentials", code="password_unknown"
            ) from error
        return ConnectionUrls(
            username=project.role_name,
            direct=self._url(
                project.role_name,
                password,
                project.database_name,
                self._cluster.direct_port,
                self._cluster.direct_ssl_mode,
            ),
            pooled=self._url(
                project.role_name,
                password,
                project.database_name,
                self._cluster.pooled_port,
                self._pooled_ssl_mode,
            ),
        )

    def _url(self, login: str, password: Secret, database_name: str, port: int, ssl_mode: str) -> Secret:
        host = self._cluster.public_host
        shown_host = f"[{host}]" if ":" in host else host
        # Logins, passwords and databases are made of letters, digits and underscores: nothing needs quoting.
        return Secret(
            f"postgresql://{login}:{password.reveal()}@{shown_host}:{port}/{database_name}?sslmode={ssl_mode}"
        )
