"""The hardened template: what every tenant's database starts as."""

import hashlib
from collections.abc import Iterable

from psycopg import sql

from capyd.domain.failures import PermanentError
from capyd.domain.installed import AvailableExtension
from capyd.postgres.blockers import unblocked
from capyd.postgres.connections import AdminConnections, Connection
from capyd.postgres.roles import PLATFORM_ROLE
from capyd.runtime.logs import get_logger

logger = get_logger(__name__)

_PREFIX = "capy_template_"
# Raised whenever what `_fill` does changes, so that every cluster builds the template anew.
_RECIPE = 1


async def ensure_template(
    connections: AdminConnections, maintenance: Connection, extensions: Iterable[AvailableExtension]
) -> str:
    """The name of the finished template with `extensions` inside, built if it is not there.

    Its name is a digest of its contents. It is finished when it is marked as a template that nobody can
    connect to, which also keeps every session off it: one would make CREATE DATABASE wait and fail.
    """
    wanted = list(extensions)
    name = await _template_name(maintenance, wanted)
    cursor = await maintenance.execute(
        """
        SELECT datistemplate AND NOT datallowconn, pg_catalog.pg_get_userbyid(datdba) = %s
        FROM pg_catalog.pg_database WHERE datname = %s
        """,
        [PLATFORM_ROLE, name],
    )
    found = await cursor.fetchone()
    async with connections.ledger() as ledger:
        cursor = await ledger.execute("SELECT FROM capyd.templates WHERE database_name = %s", [name])
        if cursor.rowcount:
            if found is not None and found[0]:
                return name
        elif found == (True, True):
            # Finished, and the platform's: the ledger that knew it was lost.
            await ledger.execute("INSERT INTO capyd.templates (database_name) VALUES (%s)", [name])
            return name
        elif found is not None:
            raise PermanentError(
                f"the ledger does not know the database {name}, so it is left alone: rename or drop it"
            )
        else:
            await ledger.execute("INSERT INTO capyd.templates (database_name) VALUES (%s)", [name])
    await _drop_template(maintenance, name)
    identifier = sql.Identifier(name)
    await maintenance.execute(
        sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8' STRATEGY wal_log").format(
            identifier, sql.Identifier(PLATFORM_ROLE)
        )
    )
    await maintenance.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(identifier))
    async with connections.database(name) as inside:
        await _fill(inside, wanted)
    await maintenance.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE true ALLOW_CONNECTIONS false").format(identifier))
    return name


async def drop_other_templates(connections: AdminConnections, maintenance: Connection, *, keep: str) -> None:
    """Drop the templates of earlier recipes and extension versions: those in the ledger, and no others."""
    async with connections.ledger() as ledger:
        cursor = await ledger.execute("SELECT database_name FROM capyd.templates WHERE database_name <> %s", [keep])
        outdated = [name async for (name,) in cursor]
    for name in outdated:
        # Any tenant can lock a template, and a daemon that waits for one would not be ready.
        async with unblocked(connections, maintenance, _log):
            await _drop_template(maintenance, name)
        async with connections.ledger() as ledger:
            await ledger.execute("DELETE FROM capyd.templates WHERE database_name = %s", [name])


def _log(line: str) -> None:
    logger.warning("template.drop_held_up", what=line)


async def _drop_template(maintenance: Connection, name: str) -> None:
    cursor = await maintenance.execute("SELECT datistemplate FROM pg_catalog.pg_database WHERE datname = %s", [name])
    # A template cannot be dropped. A drop that was interrupted leaves none: the mark was gone before.
    if await cursor.fetchone() == (True,):
        await maintenance.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE false").format(sql.Identifier(name)))
    await maintenance.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


async def _template_name(maintenance: Connection, extensions: list[AvailableExtension]) -> str:
    # The collation's version: after an upgrade of the C library the indexes of older clones may be wrong,
    # and CREATE DATABASE refuses a template of the old version. The server's minor version: what an update
    # mends in new databases alone is to be in the next ones.
    cursor = await maintenance.execute(
        """
        SELECT pg_catalog.pg_database_collation_actual_version(oid), pg_catalog.current_setting('server_version_num')
        FROM pg_catalog.pg_database WHERE datname = 'template0'
        """
    )
    versions = await cursor.fetchone() or ()
    contents = [str(_RECIPE), *map(str, versions), *sorted(f"{it.name}={it.default_version}" for it in extensions)]
    return _PREFIX + hashlib.sha256("\n".join(contents).encode()).hexdigest()[:16]


async def _fill(inside: Connection, extensions: list[AvailableExtension]) -> None:
    # A cluster that was upgraded from before 15 may still let everybody create objects in `public`.
    await inside.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    for extension in extensions:
        await inside.execute(sql.SQL("CREATE EXTENSION {} SCHEMA public").format(sql.Identifier(extension.name)))
