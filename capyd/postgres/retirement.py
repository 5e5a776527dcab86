"""The end of a login whose grace period is over: shut, then without property, then gone."""

from dataclasses import dataclass

from psycopg import sql

from capyd.domain.tenants import TenantNames
from capyd.postgres.blockers import Note, unblocked
from capyd.postgres.connections import AdminConnections, Connection
from capyd.postgres.errors import retried_on_concurrent_update, translated
from capyd.postgres.granted import drop_roles


@dataclass(frozen=True, slots=True)
class Retiring:
    """A login that is let in no more."""

    names: TenantNames
    """Of the tenant that it belongs to."""
    oid: int
    login: str


async def shut_retiring_login(connections: AdminConnections, project_id: str, *, note: Note) -> Retiring | None:
    """Let the project's retiring login in no more, at either door once the pooler is synchronised. None: there is none.

    Sessions that are open stay open.
    """

    async def shut() -> Retiring | None:
        async with connections.ledger() as ledger, unblocked(connections, ledger, note), ledger.transaction():
            cursor = await ledger.execute(
                """
                UPDATE capyd.tenants AS t SET retiring_verifier = NULL, updated_at = pg_catalog.now()
                WHERE project_id = %s AND state = 'claimed' AND retiring_oid IS NOT NULL
                RETURNING database_name, retiring_oid, retiring_name
                """,
                [project_id],
            )
            row = await cursor.fetchone()
            if row is None:
                return None
            database, oid, login = row
            retiring = Retiring(TenantNames(database), oid, login)
            if await _is_there(ledger, retiring):
                await ledger.execute(sql.SQL("ALTER ROLE {} NOLOGIN CONNECTION LIMIT 0").format(sql.Identifier(login)))
            return retiring

    with translated("shut the old login"):
        return await retried_on_concurrent_update(shut)


async def drop_retiring_login(connections: AdminConnections, retiring: Retiring, *, note: Note) -> None:
    """Hand what the login owns to the tenant's owner role, and drop it. Does nothing when it is gone.

    Raises:
        TransientError: a lock, or a session of it, is in the way.
    """
    with translated("drop the old login"):
        async with connections.ledger() as ledger:
            is_there = await _is_there(ledger, retiring)
        if is_there:
            login, owner = sql.Identifier(retiring.login), sql.Identifier(retiring.names.owner)
            async with connections.database(retiring.names.database) as inside, unblocked(connections, inside, note):
                # What it made as itself, after SET ROLE NONE. Elsewhere it could make nothing.
                await inside.execute(sql.SQL("REASSIGN OWNED BY {} TO {}").format(login, owner))
        await drop_roles(
            connections,
            {retiring.oid: retiring.login},
            note,
            drop=lambda: _drop_role(connections, retiring, note),
        )


async def _drop_role(connections: AdminConnections, retiring: Retiring, note: Note) -> None:
    async with connections.ledger() as ledger, unblocked(connections, ledger, note), ledger.transaction():
        if await _is_there(ledger, retiring):
            await ledger.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(retiring.login)))
            await ledger.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(retiring.login)))
        await ledger.execute(
            """
            UPDATE capyd.tenants
            SET retiring_name = NULL, retiring_oid = NULL, retires_at = NULL, updated_at = pg_catalog.now()
            WHERE database_name = %s AND retiring_oid = %s AND retiring_verifier IS NULL
            """,
            [retiring.names.database, retiring.oid],
        )


async def _is_there(ledger: Connection, retiring: Retiring) -> bool:
    cursor = await ledger.execute(
        "SELECT FROM pg_catalog.pg_roles WHERE oid = %s AND rolname = %s", [retiring.oid, retiring.login]
    )
    return cursor.rowcount == 1
