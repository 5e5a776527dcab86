"""A tenant: what a project is on the cluster. A database and the roles that go with it."""

import secrets
from dataclasses import dataclass
from datetime import timedelta

from capyd.domain.secret import Secret

TENANT_PREFIX = "capy_"
"""Every database and role of a tenant starts so: opaque, since each tenant can list all names of a cluster."""

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class TenantNames:
    """The names of one tenant's objects, as it is built. The owner role owns what is in the database."""

    database: str

    @property
    def login(self) -> str:
        """The role that clients log in as, until a rotation with a grace period makes another one.

        It owns nothing and acts as the owner role.
        """
        return self.database

    @property
    def owner(self) -> str:
        """The NOLOGIN role that the tenant's objects belong to."""
        return f"{self.database}_owner"


def new_tenant_names() -> TenantNames:
    """Names that nothing on the cluster has."""
    return TenantNames(new_login_name())


def new_login_name() -> str:
    """A name that nothing on the cluster has: `capy_` and 16 random characters (82 bits)."""
    return TENANT_PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(16))


@dataclass(frozen=True, slots=True)
class TenantLimits:
    """What one tenant may use."""

    max_connections: int
    statement_timeout: timedelta
    idle_transaction_timeout: timedelta
    temp_file_bytes: int = 1024**3
    """What the temporary files of one session may take on the disk, beside the database's own."""
    is_shut: bool = False
    """Nobody is let in, whatever the rest says: the organization is suspended."""

    @property
    def sessions(self) -> int:
        """The connection limit of database and login as it is to be now."""
        return 0 if self.is_shut else self.max_connections

    @property
    def pool_size(self) -> int:
        """The pooler's share of the connections: two thirds, so that a full pool leaves room for direct ones."""
        return max(1, self.max_connections * 2 // 3)


@dataclass(frozen=True, slots=True)
class Credential:
    """How a tenant's login proves itself."""

    password: Secret
    verifier: Secret
    """The SCRAM-SHA-256 verifier. The same one everywhere and always, until a rotation."""
    sealed_password: bytes
    """The password, encrypted for keeping."""


@dataclass(frozen=True, slots=True)
class ClaimedTenant:
    """A spare that has become a project's."""

    names: TenantNames
    login: str
    """The role that clients log in as now."""
    database_oid: int
    sealed_password: bytes | None
    """None: the tenant changed its password itself, and nobody here knows it."""
    pooled: bool
    """The pooler has been seen with an entry for it."""


@dataclass(frozen=True, slots=True)
class PoolerLogin:
    """Who may log in through the pooler."""

    name: str
    verifier: Secret


@dataclass(frozen=True, slots=True)
class PoolerEntry:
    """One tenant as the pooler knows it."""

    database: str
    logins: tuple[PoolerLogin, ...]
    """Two while a rotation has its grace period."""
    pool_size: int
    """Server connections at most, in all."""
