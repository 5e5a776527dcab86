"""Ends a tenant's sessions."""

from collections.abc import Sequence
from typing import NamedTuple

from capyd.postgres.connections import Connection

_WAIT_MILLISECONDS = 5000


class Ended(NamedTuple):
    """How many sessions there were, and are."""

    told: int
    """Of the roles', in any database, and of whoever else was in the database."""
    remaining: int
    """Of the roles'. Others may come back, an operator's monitoring for one, and are not counted."""


async def end_sessions(connection: Connection, *, database_oid: int | None, role_oids: Sequence[int]) -> Ended:
    """End every session in the database or of the roles, replication too; no database: those of the roles alone.

    Must be called from another database.
    """
    tenants = [database_oid, list(role_oids)]
    # All are told first and then waited for, so that many take no longer than the slowest.
    told = await connection.execute(f"SELECT pg_catalog.pg_terminate_backend(a.pid) {_SESSIONS}", tenants)
    await connection.execute(
        f"SELECT pg_catalog.pg_terminate_backend(a.pid, {_WAIT_MILLISECONDS}) {_SESSIONS}", tenants
    )
    cursor = await connection.execute(
        "SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity WHERE usesysid = ANY (%s)", [list(role_oids)]
    )
    (remaining,) = await cursor.fetchone() or (0,)
    return Ended(told.rowcount, int(remaining))


async def end_tenants_sessions(connection: Connection) -> int:
    """End every session in the connection's own database, but superusers'; returns how many there were."""
    cursor = await connection.execute(
        """
        SELECT pg_catalog.pg_terminate_backend(a.pid, 1000)
        FROM pg_catalog.pg_stat_activity AS a
        JOIN pg_catalog.pg_roles AS r ON r.oid = a.usesysid AND NOT r.rolsuper
        WHERE a.datname = pg_catalog.current_database()
        """
    )
    return cursor.rowcount


_SESSIONS = """
    FROM pg_catalog.pg_stat_activity AS a
    WHERE (a.datid = %s OR a.usesysid = ANY (%s)) AND a.pid <> pg_catalog.pg_backend_pid()
"""
