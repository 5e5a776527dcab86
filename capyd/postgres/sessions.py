"""Ends a tenant's sessions."""

from capyd.domain.tenants import TenantNames
from capyd.postgres.connections import Connection

_WAIT_MILLISECONDS = 5000


async def end_sessions(connection: Connection, names: TenantNames) -> int:
    """End every session in the tenant's database or of its roles, replication too; returns how many remain.

    The first statement tells them all, the second one waits, so that many take no longer than the slowest.
    Must be called from another database.
    """
    await connection.execute(
        f"SELECT pg_catalog.pg_terminate_backend(a.pid) {_OF_TENANT}", [names.database, [names.login, names.owner]]
    )
    cursor = await connection.execute(
        f"SELECT pg_catalog.pg_terminate_backend(a.pid, {_WAIT_MILLISECONDS}) {_OF_TENANT}",
        [names.database, [names.login, names.owner]],
    )
    return [ended async for (ended,) in cursor].count(False)


_OF_TENANT = """
    FROM pg_catalog.pg_stat_activity AS a
    WHERE (a.datname = %s OR a.usename = ANY (%s)) AND a.pid <> pg_catalog.pg_backend_pid()
"""
