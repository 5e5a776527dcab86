"""Extensions in one tenant's database."""

from psycopg import sql

from capyd.domain.failures import PermanentError
from capyd.domain.installed import AvailableExtension, ExtensionInDatabase
from capyd.domain.tenants import TenantNames
from capyd.postgres.connections import AdminConnections, Connection
from capyd.postgres.errors import translated

_SCHEMA = "public"


async def list_extensions(connections: AdminConnections, database: str) -> list[ExtensionInDatabase]:
    """Every extension that the cluster carries, as `database` has it, by name.

    Raises:
        UnreachableError: the database cannot be asked.
        PermanentError: there is no such database.
    """
    with translated("list the database's extensions"):
        async with connections.database(database) as inside:
            cursor = await inside.execute(f"{_EXTENSIONS} ORDER BY e.name")
            return [_extension(*row) async for row in cursor]


async def create_extension(connections: AdminConnections, database: str, name: str) -> None:
    """Create the extension in the schema `public`. One that is there already stays as it is, wherever it is.

    Raises:
        PermanentError: the cluster has no such extension, the database no schema `public`, or the extension
            needs another one that is not there (none is ever created along with it).
    """
    with translated(f"enable the extension {name}"):
        async with connections.database(database) as inside, inside.transaction():
            extension = await _find(inside, name)
            if extension.installed_version is not None:
                return
            cursor = await inside.execute("SELECT pg_catalog.to_regnamespace(%s)", [_SCHEMA])
            if await cursor.fetchone() == (None,):
                raise PermanentError(
                    f"the database has no schema {_SCHEMA}, where extensions are created:"
                    f" create it (CREATE SCHEMA {_SCHEMA}) and enable {name} again"
                )
            if extension.available.trusted:
                # The tenant could create it itself, so it is the tenant's: to alter and to drop in SQL as well.
                await inside.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(TenantNames(database).owner)))
            else:
                await _refuse_lookalikes(inside)
            await inside.execute(
                sql.SQL("CREATE EXTENSION IF NOT EXISTS {} SCHEMA {}").format(
                    sql.Identifier(name), sql.Identifier(_SCHEMA)
                )
            )


async def drop_extension(connections: AdminConnections, database: str, name: str) -> None:
    """Drop the extension. One that is not there is fine; nothing that depends on it is dropped along.

    Raises:
        PermanentError: something depends on it; the failure's detail names what, in PostgreSQL's words.
    """
    with translated(f"disable the extension {name}"):
        async with connections.database(database) as inside:
            await inside.execute(sql.SQL("DROP EXTENSION IF EXISTS {} RESTRICT").format(sql.Identifier(name)))


async def update_extension(connections: AdminConnections, database: str, name: str) -> None:
    """Bring the extension to the version that the cluster's files offer.

    Raises:
        PermanentError: the extension is not enabled, or there is no way from its version to that one.
    """
    with translated(f"update the extension {name}"):
        async with connections.database(database) as inside, inside.transaction():
            extension = await _find(inside, name)
            if extension.installed_version is None:
                raise PermanentError(f"the extension {name} is not enabled in this database")
            if not extension.available.trusted:
                await _refuse_lookalikes(inside)
            await inside.execute(sql.SQL("ALTER EXTENSION {} UPDATE").format(sql.Identifier(name)))


async def _find(inside: Connection, name: str) -> ExtensionInDatabase:
    cursor = await inside.execute(f"{_EXTENSIONS} WHERE e.name = %s", [name])
    row = await cursor.fetchone()
    if row is None:
        raise PermanentError(f"this cluster does not carry the extension {name}")
    return _extension(*row)


async def _refuse_lookalikes(inside: Connection) -> None:
    """Keep the tenant's functions and operators from being called by an extension's script as a superuser.

    The script of an untrusted extension runs as we do, with `public` in its search path, and `public` is the
    tenant's: a function named as a built-in one may be the better match for a call. The locks keep any
    from being added until the script is done.

    Raises:
        PermanentError: there are such functions or operators.
    """
    await inside.execute("LOCK TABLE pg_catalog.pg_proc, pg_catalog.pg_operator IN SHARE MODE")
    cursor = await inside.execute(_LOOKALIKES)
    lookalikes = [signature async for (signature,) in cursor]
    if lookalikes:
        raise PermanentError(
            "the schema public has functions or operators with the names of built-in ones, which could take their"
            f" place while the extension is set up; move them to another schema: {', '.join(lookalikes)}"
        )


def _extension(
    name: str, default_version: str, description: str, trusted: bool, installed_version: str | None
) -> ExtensionInDatabase:
    return ExtensionInDatabase(AvailableExtension(name, default_version, description, trusted), installed_version)


_EXTENSIONS = """
    SELECT e.name, e.default_version, coalesce(e.comment, ''), v.trusted, e.installed_version
    FROM pg_catalog.pg_available_extensions AS e
    JOIN pg_catalog.pg_available_extension_versions AS v ON v.name = e.name AND v.version = e.default_version
"""

_LOOKALIKES = """
    SELECT p.oid::pg_catalog.regprocedure::text
    FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_roles AS r ON r.oid = p.proowner
    WHERE p.pronamespace = 'public'::pg_catalog.regnamespace AND NOT r.rolsuper AND EXISTS (
        SELECT FROM pg_catalog.pg_proc AS b
        WHERE b.pronamespace = 'pg_catalog'::pg_catalog.regnamespace AND b.proname = p.proname
    )
    UNION ALL
    SELECT o.oid::pg_catalog.regoperator::text
    FROM pg_catalog.pg_operator AS o JOIN pg_catalog.pg_roles AS r ON r.oid = o.oprowner
    WHERE o.oprnamespace = 'public'::pg_catalog.regnamespace AND NOT r.rolsuper AND EXISTS (
        SELECT FROM pg_catalog.pg_operator AS b
        WHERE b.oprnamespace = 'pg_catalog'::pg_catalog.regnamespace AND b.oprname = o.oprname
    )
"""
