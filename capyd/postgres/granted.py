"""What roles that are to be dropped were granted outside of their own database: any role may grant to any other."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from psycopg import errors, sql

from capyd.domain.failures import TransientError
from capyd.postgres.blockers import Note, unblocked
from capyd.postgres.connections import LEDGER_DATABASE, AdminConnections, Connection
from capyd.postgres.errors import retried_on_concurrent_update
from capyd.postgres.inventory import INVALID
from capyd.postgres.sessions import end_tenants_sessions

_GRANT_ATTEMPTS = 20
_PATIENT_ATTEMPTS = 2
"""As many are made without ending anybody's sessions: one grant at the wrong moment is no attack."""


async def drop_roles(
    connections: AdminConnections, roles: Mapping[int, str], note: Note, *, drop: Callable[[], Awaitable[None]]
) -> None:
    """Call `drop` when nothing that was granted elsewhere is in the way of dropping the roles. Their names by OID.

    `note` is told where there was something.

    Raises:
        TransientError: a database that grants to them lets nobody in.
    """
    for attempt in range(_GRANT_ATTEMPTS):
        revoke = partial(_drop_owned_elsewhere, connections, roles, note, insist=attempt >= _PATIENT_ATTEMPTS)
        try:
            await retried_on_concurrent_update(revoke)
            await retried_on_concurrent_update(drop)
        except errors.DependentObjectsStillExist:
            # Granted anew between the two. What can't be revoked, a database that it owns, is there each time.
            if attempt == _GRANT_ATTEMPTS - 1:
                raise
        else:
            return


async def _drop_owned_elsewhere(
    connections: AdminConnections, roles: Mapping[int, str], note: Note, *, insist: bool
) -> None:
    """Revoke, in every database but the ledger's, what is granted to the roles.

    `insist`: end the sessions there that may go on granting. Whoever comes back for it has to log in first, which
    takes longer than what follows here.
    """
    async with connections.ledger() as ledger:
        cursor = await ledger.execute(
            """
            SELECT DISTINCT d.datname, d.datconnlimit <> %s AND d.datallowconn
            FROM pg_catalog.pg_shdepend AS s
            JOIN pg_catalog.pg_database AS d ON d.oid = s.dbid
            WHERE s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
                AND s.refobjid = ANY (%s) AND d.datname <> %s
            """,
            [INVALID, list(roles), LEDGER_DATABASE],
        )
        elsewhere = await cursor.fetchall()
        there = await list_roles(ledger, roles)
    if not there:
        return
    for database, can_connect in elsewhere:
        if not can_connect:
            raise TransientError(f"the database {database} grants something to the tenant and lets nobody in")
        async with connections.database(database) as inside, unblocked(connections, inside, note):
            if insist and (ended := await end_tenants_sessions(inside)):
                note(f"ended {ended} session{'s' * (ended > 1)} in {database}, which grants to it again and again")
            await inside.execute(sql.SQL("DROP OWNED BY {}").format(identifiers(there)))
        if not insist:
            note(f"the database {database} had granted something to it: revoked")


async def list_roles(connection: Connection, roles: Mapping[int, str]) -> list[str]:
    """Those of the roles that are still there, by OID: one of the same name may be a stranger's."""
    cursor = await connection.execute(
        "SELECT oid, rolname FROM pg_catalog.pg_roles WHERE oid = ANY (%s)", [list(roles)]
    )
    return [name async for oid, name in cursor if roles[oid] == name]


def identifiers(names: Sequence[str]) -> sql.Composed:
    """The names, quoted, between commas."""
    return sql.SQL(", ").join(map(sql.Identifier, names))
