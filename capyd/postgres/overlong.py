"""Tenants' sessions that have been at one thing for long, and how one is stopped.

The timeouts of a tenant's login are defaults, which everybody may `SET` anew. A session's present state and since when
it is in it are the server's own, and no tenant can hide them (`track_activities` is a superuser's parameter).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from capyd.postgres.connections import AdminConnections
from capyd.postgres.errors import translated


@dataclass(frozen=True, slots=True)
class LongSession:
    """A session of a project's login that runs a statement, or leaves a transaction open, for long."""

    project_id: str
    login: str
    pid: int
    is_running: bool
    """A statement, else it is idle in a transaction."""
    is_pooled: bool
    """It came by the Unix socket, as the pooler does; tenants themselves have TCP alone."""
    started_at: datetime
    """When it connected. With the process number it is this session and no later one."""
    since: datetime
    """When its statement began, or since when it is idle, by the server's clock. It is this statement and no other."""
    lasted: timedelta


async def list_long_sessions(connections: AdminConnections, *, longer_than: timedelta) -> list[LongSession]:
    """Sessions of claimed tenants' logins and owner roles, by OID; never a superuser's, a walsender or a worker.

    Sessions are narrowed down first: with nobody at work for long the tenants are not looked at.

    Raises:
        StepError: as the cluster says.
    """
    with translated("look for sessions beyond their plan"):
        async with connections.ledger() as ledger:
            cursor = await ledger.execute(
                """
                WITH long AS MATERIALIZED (
                    SELECT a.*, pg_catalog.clock_timestamp() - a.state_change AS lasted
                    FROM pg_catalog.pg_stat_activity AS a
                    WHERE a.backend_type = 'client backend'
                      AND a.state IN ('active', 'fastpath function call',
                                      'idle in transaction', 'idle in transaction (aborted)')
                      AND pg_catalog.clock_timestamp() - a.state_change > %s
                )
                SELECT t.project_id, a.usename, a.pid, a.state NOT LIKE 'idle%%', a.client_port = -1,
                       a.backend_start, a.state_change, a.lasted
                FROM long AS a
                JOIN capyd.tenants AS t
                    ON a.usesysid IN (t.login_oid, t.owner_oid, t.retiring_oid) AND t.state = 'claimed'
                JOIN pg_catalog.pg_roles AS r ON r.oid = a.usesysid AND NOT r.rolsuper
                """,
                [longer_than],
            )
            return [LongSession(*row) async for row in cursor]


async def cancel_statement(connections: AdminConnections, session: LongSession) -> bool:
    """Cancel the statement, if the session still runs that one. False: it does not.

    Raises:
        StepError: as the cluster says.
    """
    return await _signal(connections, session, "pg_cancel_backend")


async def end_session(connections: AdminConnections, session: LongSession) -> bool:
    """End the session, if it is still at the same thing. False: it is not, or is gone.

    Raises:
        StepError: as the cluster says.
    """
    return await _signal(connections, session, "pg_terminate_backend")


async def _signal(connections: AdminConnections, session: LongSession, function: str) -> bool:
    with translated("stop a session beyond its plan"):
        async with connections.ledger() as ledger:
            cursor = await ledger.execute(
                f"""
                SELECT pg_catalog.{function}(a.pid) FROM pg_catalog.pg_stat_activity AS a
                WHERE a.pid = %s AND a.backend_start = %s AND a.state_change = %s
                """,  # noqa: S608  (one of two constants of this file)
                [session.pid, session.started_at, session.since],
            )
            row = await cursor.fetchone()
            return row is not None and bool(row[0])
