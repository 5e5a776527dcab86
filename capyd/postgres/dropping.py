"""Drops a tenant for good: database, roles, and last the ledger's row. Each step works when its object is gone."""

from dataclasses import dataclass
from functools import partial

from psycopg import errors, sql

from capyd.domain.failures import PermanentError, TransientError
from capyd.domain.tenants import TenantNames
from capyd.postgres.blockers import Note, say_nothing, unblocked
from capyd.postgres.connections import LEDGER_DATABASE, AdminConnections, Connection
from capyd.postgres.errors import retried_on_concurrent_update, translated
from capyd.postgres.obstacles import clear_inside, drop_slots
from capyd.postgres.sessions import end_sessions, end_tenants_sessions

_GRANT_ATTEMPTS = 20
_PATIENT_ATTEMPTS = 2
"""As many are made without ending anybody's sessions: one grant at the wrong moment is no attack."""

_INVALID = -2
"""`datconnlimit` of a database whose drop was interrupted: it can be dropped and nothing else."""


@dataclass(frozen=True, slots=True)
class _Row:
    """What the ledger says about a tenant that is being dropped. OIDs are 0 where none was recorded."""

    names: TenantNames
    database_oid: int
    login_oid: int
    owner_oid: int


async def drop_tenant(connections: AdminConnections, names: TenantNames, *, note: Note = say_nothing) -> None:
    """Drop all that the ledger says is to be dropped of the tenant. Does nothing when it knows no such tenant.

    `note` is told what stood in the way, a sentence each.

    Raises:
        PermanentError: the ledger does not say `deleting`; or an object of that name is not the recorded one,
            or something outside the tenant's database belongs to it.
        TransientError: a session, slot or lock is in the way.
    """
    with translated("drop the database"):
        row = await _find_deleting(connections, names)
        if row is None:
            return
        await _drop_database(connections, row, note)
        await _drop_roles(connections, row, note)


async def _find_deleting(connections: AdminConnections, names: TenantNames) -> _Row | None:
    async with connections.ledger() as ledger:
        cursor = await ledger.execute(
            """
            SELECT state, coalesce(database_oid, 0), login_oid, owner_oid
            FROM capyd.tenants WHERE database_name = %s
            """,
            [names.database],
        )
        found = await cursor.fetchone()
    if found is None:
        return None
    state, *oids = found
    if state != "deleting":
        raise PermanentError(f"the ledger says that {names.database} is {state}, so it is not dropped")
    return _Row(names, *oids)


async def _drop_database(connections: AdminConnections, row: _Row, note: Note) -> None:
    name = row.names.database
    identifier = sql.Identifier(name)
    async with connections.maintenance() as maintenance, unblocked(connections, maintenance, note):
        cursor = await maintenance.execute(
            "SELECT oid, datconnlimit, datistemplate FROM pg_catalog.pg_database WHERE datname = %s", [name]
        )
        found = await cursor.fetchone()
        if found is None:
            return
        oid, connection_limit, is_template = found
        # A build that was interrupted recorded no OID; its name is random and was in the ledger first.
        if row.database_oid not in (0, oid):
            raise PermanentError(f"the database {name} is not the one that capyd made; it was left alone")
        if connection_limit == _INVALID:
            note("a drop of the database had been interrupted: finished")
        else:
            if is_template:
                note("the database had been made a template: it is none any more")
            await maintenance.execute(
                sql.SQL("ALTER DATABASE {} IS_TEMPLATE false ALLOW_CONNECTIONS true CONNECTION LIMIT 0").format(
                    identifier
                )
            )
            await clear_inside(connections, maintenance, name, note)
            # From here on nobody gets in, superusers and subscribers that keep reconnecting neither.
            await maintenance.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(identifier))
        told, remaining = await end_sessions(maintenance, database_oid=oid, role_oids=[row.login_oid, row.owner_oid])
        if told:
            note(f"ended {told} more session{'s' * (told > 1)}")
        if remaining:
            raise TransientError(f"sessions in the database {name} have not ended yet")
        await drop_slots(maintenance, name, note)
        await maintenance.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier))


async def _drop_roles(connections: AdminConnections, row: _Row, note: Note) -> None:
    """Drop the roles, with what other databases grant them: any role may grant to any other, and do so again."""
    for attempt in range(_GRANT_ATTEMPTS):
        revoke = partial(_drop_owned_elsewhere, connections, row, note, insist=attempt >= _PATIENT_ATTEMPTS)
        try:
            await retried_on_concurrent_update(revoke)
            await retried_on_concurrent_update(lambda: _drop_roles_and_row(connections, row, note))
        except errors.DependentObjectsStillExist:
            # Granted anew between the two. What can't be revoked, a database that it owns, is there each time.
            if attempt == _GRANT_ATTEMPTS - 1:
                raise
        else:
            return


async def _drop_owned_elsewhere(connections: AdminConnections, row: _Row, note: Note, *, insist: bool) -> None:
    """Revoke what other databases grant to the tenant's roles.

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
                AND s.refobjid IN (%s, %s) AND d.datname <> %s
            """,
            [_INVALID, row.login_oid, row.owner_oid, LEDGER_DATABASE],
        )
        elsewhere = await cursor.fetchall()
        roles = await _list_roles(ledger, row)
    if not roles:
        return
    for database, can_connect in elsewhere:
        if not can_connect:
            raise TransientError(f"the database {database} grants something to the tenant and lets nobody in")
        async with connections.database(database) as inside, unblocked(connections, inside, note):
            if insist and (ended := await end_tenants_sessions(inside)):
                note(f"ended {ended} session{'s' * (ended > 1)} in {database}, which grants to it again and again")
            await inside.execute(sql.SQL("DROP OWNED BY {}").format(_identifiers(roles)))
        if not insist:
            note(f"the database {database} had granted something to it: revoked")


async def _drop_roles_and_row(connections: AdminConnections, row: _Row, note: Note) -> None:
    async with connections.ledger() as ledger, unblocked(connections, ledger, note), ledger.transaction():
        roles = await _list_roles(ledger, row)
        if roles:
            # Privileges on shared objects, such as databases and tablespaces, go with any database's DROP OWNED.
            await ledger.execute(sql.SQL("DROP OWNED BY {}").format(_identifiers(roles)))
            await ledger.execute(sql.SQL("DROP ROLE {}").format(_identifiers(roles)))
        await ledger.execute(
            "DELETE FROM capyd.tenants WHERE database_name = %s AND state = 'deleting'", [row.names.database]
        )


async def _list_roles(connection: Connection, row: _Row) -> list[str]:
    """The tenant's roles that are still there, by OID: one of the same name may be a stranger's."""
    cursor = await connection.execute(
        """
        SELECT rolname FROM pg_catalog.pg_roles
        WHERE (oid = %s AND rolname = %s) OR (oid = %s AND rolname = %s)
        """,
        [row.login_oid, row.names.login, row.owner_oid, row.names.owner],
    )
    return [name async for (name,) in cursor]


def _identifiers(names: list[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
