"""Ends what keeps a statement of ours waiting for a lock.

A tenant can lock its own role and database, and its neighbours' too, in a transaction that it leaves open: with
`ALTER ROLE me SET`, `GRANT ... ON DATABASE` (which only warns), `GRANT ... TO neighbour`, `ALTER ROLE me IN DATABASE`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from psycopg import errors, sql

from capyd.domain.failures import StepError
from capyd.postgres.connections import AdminConnections, Connection
from capyd.postgres.errors import translated

Note = Callable[[str], None]
"""Told what stood in the way, a sentence each: for the job's journal."""

# Long enough for every honest transaction that is about to commit; far below the lock_timeout of our sessions.
_PATIENCE_SECONDS = 0.25
_PAUSE_SECONDS = 0.05


def say_nothing(_line: str) -> None:
    """The note of a caller that has no journal."""


@asynccontextmanager
async def unblocked(connections: AdminConnections, connection: Connection, note: Note) -> AsyncIterator[None]:
    """During the block, end the sessions and roll back the prepared transactions that `connection` waits for.

    Not those of superusers: an operator is waited for, until our statement gives up. Whoever is ended may come back;
    by then our statement, first in the queue, has its lock.
    """
    over = asyncio.Event()
    breaker = asyncio.create_task(_break(connections, connection.info.backend_pid, over, note), name="end blockers")
    try:
        yield
    finally:
        # Not cancelled: what it has just ended is to be said.
        over.set()
        await breaker


async def _break(connections: AdminConnections, waiting_pid: int, over: asyncio.Event, note: Note) -> None:
    if await _happens(over, within=_PATIENCE_SECONDS):
        return
    try:
        with translated("end what is in the way"):
            async with connections.maintenance() as maintenance:
                while not over.is_set():
                    await _end_sessions(maintenance, waiting_pid, note)
                    await _roll_back_prepared(connections, maintenance, waiting_pid, note)
                    await _happens(over, within=_PAUSE_SECONDS)
    except StepError as error:
        # The statement itself is waited for all the same, and fails by itself.
        note(error.summary)


async def _happens(event: asyncio.Event, *, within: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            await event.wait()
    return event.is_set()


async def _end_sessions(maintenance: Connection, waiting_pid: int, note: Note) -> None:
    cursor = await maintenance.execute(
        """
        SELECT a.pid, a.usename, a.datname, a.state
        FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids(%s)) AS blocking (pid)
        JOIN pg_catalog.pg_stat_activity AS a ON a.pid = blocking.pid
        JOIN pg_catalog.pg_roles AS r ON r.oid = a.usesysid AND NOT r.rolsuper
        """,
        [waiting_pid],
    )
    for pid, role, database, state in await cursor.fetchall():
        await maintenance.execute("SELECT pg_catalog.pg_terminate_backend(%s, 1000)", [pid])
        note(f"ended a session of {role} in {database}, {state}, which held a lock")


async def _roll_back_prepared(
    connections: AdminConnections, maintenance: Connection, waiting_pid: int, note: Note
) -> None:
    # In pg_locks a prepared transaction has no process, and is known by the lock on its own number.
    cursor = await maintenance.execute(
        """
        SELECT DISTINCT p.gid, p.database, p.owner
        FROM pg_catalog.pg_locks AS w
        JOIN pg_catalog.pg_locks AS h ON h.granted AND h.pid IS NULL AND h.locktype = w.locktype
            AND h.database IS NOT DISTINCT FROM w.database
            AND h.relation IS NOT DISTINCT FROM w.relation
            AND h.transactionid IS NOT DISTINCT FROM w.transactionid
            AND h.classid IS NOT DISTINCT FROM w.classid
            AND h.objid IS NOT DISTINCT FROM w.objid
            AND h.objsubid IS NOT DISTINCT FROM w.objsubid
        JOIN pg_catalog.pg_locks AS own ON own.granted AND own.pid IS NULL AND own.locktype = 'transactionid'
            AND own.virtualtransaction = h.virtualtransaction
        JOIN pg_catalog.pg_prepared_xacts AS p ON p.transaction = own.transactionid
        JOIN pg_catalog.pg_roles AS r ON r.rolname = p.owner AND NOT r.rolsuper
        WHERE w.pid = %s AND NOT w.granted
        """,
        [waiting_pid],
    )
    for gid, database, owner in await cursor.fetchall():
        async with connections.database(database) as inside:
            with suppress(errors.UndefinedObject):
                await inside.execute(sql.SQL("ROLLBACK PREPARED {}").format(sql.Literal(gid)))
                note(f"rolled back a prepared transaction of {owner} in {database}, which held a lock")
