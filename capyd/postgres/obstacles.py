"""What keeps DROP DATABASE ... WITH (FORCE) from working: prepared transactions, subscriptions, slots."""

import asyncio

from psycopg import errors, sql

from capyd.domain.failures import TransientError
from capyd.postgres.blockers import Note
from capyd.postgres.connections import EVENT_TRIGGERS_CAN_BE_OFF, AdminConnections, Connection

_SLOT_ATTEMPTS = 20
_SLOT_PAUSE_SECONDS = 0.1


async def clear_inside(connections: AdminConnections, maintenance: Connection, database: str, note: Note) -> None:
    """Remove what only a session inside `database` can: it is connected to only when there is something."""
    cursor = await maintenance.execute("SELECT gid FROM pg_catalog.pg_prepared_xacts WHERE database = %s", [database])
    prepared = [gid async for (gid,) in cursor]
    cursor = await maintenance.execute(
        """
        SELECT s.subname FROM pg_catalog.pg_subscription AS s
        JOIN pg_catalog.pg_database AS d ON d.oid = s.subdbid WHERE d.datname = %s
        """,
        [database],
    )
    subscriptions = [name async for (name,) in cursor]
    if not prepared and not subscriptions:
        return
    async with connections.database(database) as inside:
        await _silence_event_triggers(inside)
        for gid in prepared:
            await inside.execute(sql.SQL("ROLLBACK PREPARED {}").format(sql.Literal(gid)))
            note(f"rolled back the prepared transaction {gid!r}")
        for name in subscriptions:
            await _drop_subscription(inside, sql.Identifier(name))
            note(f"dropped the subscription {name!r}; its slot, if it has one, is its publisher's to drop")


async def drop_slots(maintenance: Connection, database: str, note: Note) -> None:
    """Drop the logical replication slots of `database`, which must let nobody in any more.

    Raises:
        TransientError: a slot stays in use.
    """
    for _ in range(_SLOT_ATTEMPTS):
        cursor = await maintenance.execute(
            "SELECT slot_name, active_pid FROM pg_catalog.pg_replication_slots WHERE database = %s", [database]
        )
        slots = await cursor.fetchall()
        if not slots:
            return
        for name, active_pid in slots:
            if active_pid is not None:
                await maintenance.execute("SELECT pg_catalog.pg_terminate_backend(%s, 1000)", [active_pid])
            try:
                await maintenance.execute("SELECT pg_catalog.pg_drop_replication_slot(%s)", [name])
                note(f"dropped the replication slot {name!r}{', which was in use' * (active_pid is not None)}")
            except (errors.ObjectInUse, errors.UndefinedObject):
                # Its session has not let go of it, or dropped it (a temporary one) as it ended. Looked at again.
                await asyncio.sleep(_SLOT_PAUSE_SECONDS)
    raise TransientError(f"a replication slot of the database {database} is still in use")


async def _silence_event_triggers(inside: Connection) -> None:
    """One that refuses all DDL would refuse ours. From PostgreSQL 17 on our sessions have them off as it is."""
    if inside.info.server_version >= EVENT_TRIGGERS_CAN_BE_OFF:
        return
    cursor = await inside.execute("SELECT evtname FROM pg_catalog.pg_event_trigger WHERE evtenabled <> 'D'")
    for (name,) in await cursor.fetchall():
        await inside.execute(sql.SQL("ALTER EVENT TRIGGER {} DISABLE").format(sql.Identifier(name)))


async def _drop_subscription(inside: Connection, subscription: sql.Identifier) -> None:
    """Drop it without a word to its publisher, which may be away: the slot there is the publisher's to drop."""
    await inside.execute(sql.SQL("ALTER SUBSCRIPTION {} DISABLE").format(subscription))
    await inside.execute(sql.SQL("ALTER SUBSCRIPTION {} SET (slot_name = NONE)").format(subscription))
    await inside.execute(sql.SQL("DROP SUBSCRIPTION {}").format(subscription))
