"""A tenant of the suite's own: the one that attacks, or the one that is attacked."""

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from capyd.attack.attempt import Door
from capyd.domain.secret import Secret

CONNECT_SECONDS = 20

Session = psycopg.AsyncConnection[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Canary:
    """A ready project, as its connection URLs say how to reach it."""

    project_id: str
    direct_url: Secret
    pooled_url: Secret

    @property
    def database(self) -> str:
        """The name of its database."""
        return str(self.parameters(Door.DIRECT)["dbname"])

    @property
    def login(self) -> str:
        """The role that it logs in as."""
        return str(self.parameters(Door.DIRECT)["user"])

    @property
    def owner(self) -> str:
        """The role that its objects belong to."""
        return f"{self.database}_owner"

    @property
    def password(self) -> str:
        """Its login's."""
        return str(self.parameters(Door.DIRECT)["password"])

    def parameters(self, door: Door) -> dict[str, Any]:
        """The parameters of its URL for `door`."""
        url = self.pooled_url if door is Door.POOLED else self.direct_url
        return dict(conninfo_to_dict(url.reveal()))

    async def connect(self, door: Door, **replaced: str | int) -> Session:
        """A new session, in autocommit mode; `replaced` parameters stand in for the URL's.

        Raises:
            psycopg.OperationalError: the login was refused.
        """
        parameters = {**self.parameters(door), "connect_timeout": CONNECT_SECONDS, **replaced}
        return await psycopg.AsyncConnection.connect(
            make_conninfo(**parameters),
            autocommit=True,
            # Through a pooler in transaction mode a prepared statement may meet another server connection.
            prepare_threshold=None,
        )
