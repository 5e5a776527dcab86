"""Drops a tenant for good: database, roles, and last the ledger's row. Each step works when its object is gone."""

from dataclasses import dataclass

from psycopg import sql

from capyd.domain.failures import PermanentError, TransientError
from capyd.domain.tenants import TenantNames
from capyd.postgres.blockers import Note, say_nothing, unblocked
from capyd.postgres.connections import AdminConnections
from capyd.postgres.errors import translated
from capyd.postgres.granted import drop_roles, identifiers, list_roles
from capyd.postgres.inventory import INVALID
from capyd.postgres.obstacles import clear_inside, drop_slots
from capyd.postgres.sessions import end_sessions


@dataclass(frozen=True, slots=True)
class _Row:
    """What the ledger says about a tenant that is being dropped. OIDs are 0 where none was recorded."""

    names: TenantNames
    database_oid: int
    roles: dict[int, str]
    """Their names by OID: owner and login, and the one that retires."""


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
        await drop_roles(connections, row.roles, note, drop=lambda: _drop_roles_and_row(connections, row, note))


async def _find_deleting(connections: AdminConnections, names: TenantNames) -> _Row | None:
    async with connections.ledger() as ledger:
        cursor = await ledger.execute(
            """
            SELECT state, coalesce(database_oid, 0), owner_oid, login_oid, login_name, retiring_oid, retiring_name
            FROM capyd.tenants WHERE database_name = %s
            """,
            [names.database],
        )
        found = await cursor.fetchone()
    if found is None:
        return None
    state, database_oid, owner_oid, login_oid, login, retiring_oid, retiring = found
    if state != "deleting":
        raise PermanentError(f"the ledger says that {names.database} is {state}, so it is not dropped")
    roles = {owner_oid: names.owner, login_oid: login}
    if retiring_oid is not None:
        roles[retiring_oid] = retiring
    return _Row(names, database_oid, roles)


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
        if connection_limit == INVALID:
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
        told, remaining = await end_sessions(maintenance, database_oid=oid, role_oids=list(row.roles))
        if told:
            note(f"ended {told} more session{'s' * (told > 1)}")
        if remaining:
            raise TransientError(f"sessions in the database {name} have not ended yet")
        await drop_slots(maintenance, name, note)
        await maintenance.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier))


async def _drop_roles_and_row(connections: AdminConnections, row: _Row, note: Note) -> None:
    async with connections.ledger() as ledger, unblocked(connections, ledger, note), ledger.transaction():
        roles = await list_roles(ledger, row.roles)
        if roles:
            # Privileges on shared objects, such as databases and tablespaces, go with any database's DROP OWNED.
            await ledger.execute(sql.SQL("DROP OWNED BY {}").format(identifiers(roles)))
            await ledger.execute(sql.SQL("DROP ROLE {}").format(identifiers(roles)))
        await ledger.execute(
            "DELETE FROM capyd.tenants WHERE database_name = %s AND state = 'deleting'", [row.names.database]
        )
