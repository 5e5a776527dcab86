"""Makes a cluster ready to hold tenants. Safe at every start: each step looks first, and a crash costs nothing."""

from collections.abc import Iterable
from importlib import resources

from psycopg import sql

from capyd.domain.failures import PermanentError, UnreachableError
from capyd.domain.installed import AvailableExtension, ClusterFacts
from capyd.postgres.connections import LEDGER_DATABASE, AdminConnections, Connection
from capyd.postgres.errors import translated
from capyd.postgres.roles import PLATFORM_ROLE
from capyd.postgres.template import drop_other_templates, ensure_template

LEDGER_VERSION = 2
_UPGRADES = {1: "ledger_2.sql"}
"""What makes a ledger of a version one of the next."""
_OLDEST_MAJOR = 15
# The databases that every login of a cluster may enter unless told otherwise.
_OPEN_TO_ALL = ["postgres", "template1", LEDGER_DATABASE]
# An advisory lock in `postgres`: one daemon prepares at a time.
_PREPARING = 0x63617079


async def prepare_cluster(connections: AdminConnections, *, default_extensions: Iterable[str]) -> ClusterFacts:
    """Make roles, ledger and template as capyd needs them, and tell what the cluster carries.

    `default_extensions` that the cluster does not carry are left out of the template.

    Raises:
        UnreachableError: the server is away, or a standby.
        PermanentError: the cluster is too old, the administrator is no superuser, or a name is a stranger's.
    """
    async with connections.maintenance() as connection:
        with translated("prepare the cluster"):
            await _require_fit(connection)
            await connection.execute("SELECT pg_catalog.pg_advisory_lock(%s)", [_PREPARING])
            await _ensure_platform_role(connection)
            await _ensure_ledger_database(connection)
            await _revoke_connect_from_public(connection)
            available = await _list_available(connection)
        async with connections.database(LEDGER_DATABASE) as ledger:
            with translated("prepare the ledger"):
                await _ensure_ledger_schema(ledger)
        default = [available[name] for name in default_extensions if name in available]
        with translated("build the template of tenants' databases"):
            template = await ensure_template(connections, connection, default)
            await drop_other_templates(connections, connection, keep=template)
        return ClusterFacts(
            system_identifier=await _system_identifier(connection),
            server_version=(connection.info.parameter_status("server_version") or "").partition(" ")[0],
            major=connection.info.server_version // 10000,
            template=template,
            extensions=available,
        )


async def read_system_identifier(connections: AdminConnections) -> str:
    """Which cluster this is. A base backup, and so a promoted standby, has the same.

    Raises:
        UnreachableError: the server is away.
    """
    async with connections.maintenance() as connection:
        return await _system_identifier(connection)


async def _system_identifier(connection: Connection) -> str:
    with translated("tell which cluster it is"):
        cursor = await connection.execute("SELECT system_identifier FROM pg_catalog.pg_control_system()")
        (system_identifier,) = await cursor.fetchone() or (None,)
    return str(system_identifier)


async def _require_fit(connection: Connection) -> None:
    """Refuse what cannot work, in words that say what would."""
    cursor = await connection.execute(
        """
        SELECT rolname, rolsuper, pg_catalog.pg_is_in_recovery()
        FROM pg_catalog.pg_roles WHERE rolname = CURRENT_USER
        """
    )
    role, is_superuser, is_standby = await cursor.fetchone() or (None, False, False)
    if connection.info.server_version // 10000 < _OLDEST_MAJOR:
        raise PermanentError(f"this cluster is older than PostgreSQL {_OLDEST_MAJOR}, the oldest that capyd works with")
    if is_standby:
        raise UnreachableError("this cluster is a standby; capyd waits for its promotion")
    if not is_superuser:
        raise PermanentError(
            f"the administrator {role} must be a superuser, to create extensions that are not trusted and to"
            f" set limits that tenants cannot lift: ALTER ROLE {role} SUPERUSER"
        )


async def _ensure_platform_role(connection: Connection) -> None:
    cursor = await connection.execute(
        "SELECT rolcanlogin OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = %s", [PLATFORM_ROLE]
    )
    found = await cursor.fetchone()
    if found is None:
        await connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(PLATFORM_ROLE)))
    elif found[0]:
        raise PermanentError(f"the role {PLATFORM_ROLE} may log in or is a superuser; capyd's own is neither")


async def _ensure_ledger_database(connection: Connection) -> None:
    cursor = await connection.execute(
        "SELECT pg_catalog.pg_get_userbyid(datdba) FROM pg_catalog.pg_database WHERE datname = %s", [LEDGER_DATABASE]
    )
    found = await cursor.fetchone()
    if found is None:
        await connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'").format(
                sql.Identifier(LEDGER_DATABASE), sql.Identifier(PLATFORM_ROLE)
            )
        )
    elif found[0] != PLATFORM_ROLE:
        raise PermanentError(
            f"the database {LEDGER_DATABASE} belongs to {found[0]}: capyd keeps its ledger under that name,"
            " so whatever this database is must be renamed first"
        )


async def _revoke_connect_from_public(connection: Connection) -> None:
    for database in await _list_open_to_public(connection):
        await connection.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))
    still_open = await _list_open_to_public(connection)
    if still_open:
        raise PermanentError(
            f"CONNECT on {', '.join(still_open)} cannot be revoked from PUBLIC: another role than the owner granted it"
        )


async def _list_open_to_public(connection: Connection) -> list[str]:
    cursor = await connection.execute(
        """
        SELECT datname FROM pg_catalog.pg_database
        WHERE datname = ANY (%s) AND EXISTS (
            SELECT FROM pg_catalog.aclexplode(coalesce(datacl, pg_catalog.acldefault('d', datdba)))
            WHERE grantee = 0 AND privilege_type = 'CONNECT'
        )
        """,
        [_OPEN_TO_ALL],
    )
    return [name async for (name,) in cursor]


async def _ensure_ledger_schema(ledger: Connection) -> None:
    cursor = await ledger.execute("SELECT pg_catalog.to_regclass('capyd.ledger_version')")
    if await cursor.fetchone() == (None,):
        await _run_script(ledger, "ledger.sql")
    while (version := await _ledger_version(ledger)) in _UPGRADES:
        await _run_script(ledger, _UPGRADES[version])
    if version != LEDGER_VERSION:
        raise PermanentError(f"the ledger has version {version}, and this capyd works with version {LEDGER_VERSION}")
    additions = resources.files("capyd.postgres").joinpath("ledger_additions.sql").read_bytes()
    # Not at every start a notice for each table that is there.
    await ledger.execute("SET client_min_messages = warning")
    await ledger.execute(additions)


async def _ledger_version(ledger: Connection) -> int:
    cursor = await ledger.execute("SELECT version FROM capyd.ledger_version")
    (version,) = await cursor.fetchone() or (0,)
    return int(version)


async def _run_script(ledger: Connection, name: str) -> None:
    """Run it whole, or not at all."""
    script = resources.files("capyd.postgres").joinpath(name).read_bytes()
    async with ledger.transaction():
        await ledger.execute(script)


async def _list_available(connection: Connection) -> dict[str, AvailableExtension]:
    cursor = await connection.execute(
        """
        SELECT e.name, e.default_version, coalesce(e.comment, ''), v.trusted
        FROM pg_catalog.pg_available_extensions AS e
        JOIN pg_catalog.pg_available_extension_versions AS v ON v.name = e.name AND v.version = e.default_version
        ORDER BY e.name
        """
    )
    return {row[0]: AvailableExtension(*row) async for row in cursor}
