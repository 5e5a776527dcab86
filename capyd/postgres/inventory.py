"""What of capyd's is really on the cluster: the ledger's rows, and the databases, roles and files as they are."""

from collections.abc import Mapping
from dataclasses import dataclass

from capyd.domain.secret import Secret
from capyd.postgres.connections import AdminConnections, Connection
from capyd.postgres.errors import translated
from capyd.postgres.listener import Listener, read_listener
from capyd.postgres.orphans import find_orphans

INVALID = -2
"""The connection limit of a database whose drop was interrupted: it can be dropped, and not even entered."""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A tenant as the ledger has it."""

    verifier: Secret
    sealed_password: bytes | None
    """None: the tenant changed its password itself."""
    database: str
    state: str
    owner_oid: int
    login: str
    login_oid: int
    retiring: str | None
    """The login before, while a rotation has its grace period; None when that is over, though the role is there."""
    retiring_oid: int | None
    database_oid: int | None
    pool_size: int
    pooled: bool
    project_id: str | None
    is_shut: bool = False
    """Its organization is suspended: the pooler is not to know it."""


@dataclass(frozen=True, slots=True)
class DatabaseSeen:
    """A database as the catalog has it."""

    oid: int
    name: str
    owner: str
    connection_limit: int
    allows_connections: bool
    is_template: bool
    open_to_public: bool
    full_grantees: frozenset[int]
    """The OIDs of the roles that may CONNECT, CREATE and make TEMPORARY tables."""


@dataclass(frozen=True, slots=True)
class RoleSeen:
    """A role as the catalog has it."""

    oid: int
    name: str
    can_login: bool
    powers: tuple[str, ...]
    """The attributes that a tenant's role never has, such as SUPERUSER."""
    connection_limit: int
    verifier: Secret | None
    settings: Mapping[str, str]
    """What its sessions start with: of its own, and over that of its own in the tenant's database."""
    member_of: frozenset[int]


@dataclass(frozen=True, slots=True)
class Inventory:
    """One look. Names are unique in each part, and so are OIDs."""

    rows: tuple[LedgerRow, ...]
    templates: frozenset[str]
    databases: tuple[DatabaseSeen, ...]
    """Those whose name or OID is as capyd's own."""
    roles: tuple[RoleSeen, ...]
    """As the databases."""
    orphans: frozenset[int]
    """Directories under `base/` that belong to no database at all."""
    listener: Listener


async def take_inventory(connections: AdminConnections) -> Inventory:
    """Look at everything once.

    The parts are read one after the other, without a lock: what changes meanwhile may look wrong in one look,
    and will not in the next.

    Raises:
        UnreachableError, TransientError: the cluster could not be looked at.
    """
    with translated("tell what is on the cluster"):
        async with connections.ledger() as ledger:
            databases = await _list_databases(ledger)
            roles = await _list_roles(ledger)
            orphans = await find_orphans(ledger)
            cursor = await ledger.execute("SELECT database_name FROM capyd.templates")
            templates = frozenset([name async for (name,) in cursor])
            rows = await _list_rows(ledger)
            listener = await read_listener(ledger)
    return Inventory(rows, templates, databases, roles, orphans, listener)


async def _list_rows(ledger: Connection) -> tuple[LedgerRow, ...]:
    cursor = await ledger.execute(
        """
        SELECT verifier, sealed_password, database_name, state, owner_oid, login_name, login_oid,
            CASE WHEN retiring_verifier IS NOT NULL THEN retiring_name END, retiring_oid, database_oid, pool_size,
            pooled, project_id, coalesce((specification ->> 'suspended')::boolean, false)
        FROM capyd.tenants ORDER BY database_name
        """
    )
    return tuple([LedgerRow(Secret(verifier), *columns) async for verifier, *columns in cursor])


async def _list_databases(ledger: Connection) -> tuple[DatabaseSeen, ...]:
    cursor = await ledger.execute(
        r"""
        SELECT d.oid, d.datname, pg_catalog.pg_get_userbyid(d.datdba), d.datconnlimit, d.datallowconn, d.datistemplate,
            EXISTS (SELECT FROM pg_catalog.aclexplode(a.acl) WHERE grantee = 0),
            ARRAY (
                SELECT grantee FROM pg_catalog.aclexplode(a.acl)
                WHERE privilege_type IN ('CONNECT', 'CREATE', 'TEMPORARY')
                GROUP BY grantee HAVING pg_catalog.count(DISTINCT privilege_type) = 3
            )
        FROM pg_catalog.pg_database AS d
        CROSS JOIN LATERAL (SELECT coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba)) AS acl) AS a
        WHERE d.datname LIKE 'capy\_%' OR d.oid IN (SELECT database_oid FROM capyd.tenants)
        ORDER BY d.datname
        """
    )
    return tuple(
        [
            DatabaseSeen(
                oid=oid,
                name=name,
                owner=owner,
                connection_limit=connection_limit,
                allows_connections=allows_connections,
                is_template=is_template,
                open_to_public=open_to_public,
                full_grantees=frozenset(grantees),
            )
            async for oid, name, owner, connection_limit, allows_connections, is_template, open_to_public, grantees in (
                cursor
            )
        ]
    )


async def _list_roles(ledger: Connection) -> tuple[RoleSeen, ...]:
    cursor = await ledger.execute(
        r"""
        SELECT r.oid, r.rolname, r.rolcanlogin, r.rolconnlimit, r.rolpassword,
            pg_catalog.array_remove(ARRAY[
                CASE WHEN r.rolsuper THEN 'SUPERUSER' END,
                CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END,
                CASE WHEN r.rolcreatedb THEN 'CREATEDB' END,
                CASE WHEN r.rolreplication THEN 'REPLICATION' END,
                CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END
            ], NULL),
            ARRAY (SELECT roleid FROM pg_catalog.pg_auth_members WHERE member = r.oid),
            -- What is set for the tenant's database (1) wins over what is set for all of them (0), as it does at login.
            ARRAY (
                SELECT setting FROM pg_catalog.pg_db_role_setting AS s, pg_catalog.unnest(s.setconfig) AS setting
                WHERE s.setrole = r.oid AND (s.setdatabase = 0 OR s.setdatabase IN (
                    SELECT database_oid FROM capyd.tenants WHERE r.oid IN (login_oid, retiring_oid)
                ))
                ORDER BY s.setdatabase <> 0
            )
        FROM pg_catalog.pg_authid AS r
        WHERE r.rolname LIKE 'capy\_%'
            OR r.oid IN (
                SELECT login_oid FROM capyd.tenants UNION ALL SELECT owner_oid FROM capyd.tenants
                UNION ALL SELECT retiring_oid FROM capyd.tenants WHERE retiring_oid IS NOT NULL
            )
        ORDER BY r.rolname
        """
    )
    return tuple(
        [
            RoleSeen(
                oid=oid,
                name=name,
                can_login=can_login,
                connection_limit=connection_limit,
                verifier=None if password is None else Secret(password),
                powers=tuple(powers),
                member_of=frozenset(member_of),
                settings=dict(setting.split("=", 1) for setting in settings),
            )
            async for oid, name, can_login, connection_limit, password, powers, member_of, settings in cursor
        ]
    )
