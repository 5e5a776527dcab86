"""The server's lock table, which all share: when a tenant has filled it, nobody logs in and hardly a statement works.

What works then, in a session that stands already: functions, and relations of its own database, whose weak locks a
backend keeps to itself. What does not: relations that all databases share (`pg_authid`, `pg_database`), and with them
`pg_stat_activity` and `pg_terminate_backend`, which looks up the role of the session that is to end.
"""

from dataclasses import dataclass
from datetime import datetime

from psycopg import errors

from capyd.postgres.connections import Connection
from capyd.postgres.errors import translated


@dataclass(frozen=True, slots=True)
class LockHolder:
    """A session of a project's login, and how many locks it holds."""

    project_id: str
    login: str
    pid: int
    started_at: datetime
    is_pooled: bool
    locks: int


async def is_lock_table_full(session: Connection) -> bool:
    """Whether a lock that must stand in the table, on a shared relation, is refused for want of room.

    Raises:
        StepError: as the cluster says.
    """
    with translated("take a lock"):
        try:
            await session.execute("SELECT FROM pg_catalog.pg_database LIMIT 1", prepare=False)
        except errors.OutOfMemory:
            return True
    return False


async def find_greatest_holder(session: Connection) -> LockHolder | None:
    """The session of a claimed tenant that holds most locks. The session must be one of the ledger's database.

    Raises:
        StepError: as the cluster says.
    """
    with translated("find who holds most locks"):
        cursor = await session.execute(
            """
            WITH held AS MATERIALIZED (
                SELECT l.pid, pg_catalog.count(*) AS locks FROM pg_catalog.pg_lock_status() AS l GROUP BY l.pid
            )
            SELECT t.project_id, t.login_name, a.pid, a.backend_start, a.client_port = -1, h.locks
            FROM held AS h
            JOIN pg_catalog.pg_stat_get_activity(NULL) AS a ON a.pid = h.pid AND a.backend_type = 'client backend'
            JOIN capyd.tenants AS t
                ON a.usesysid IN (t.login_oid, t.owner_oid, t.retiring_oid) AND t.state = 'claimed'
            ORDER BY h.locks DESC LIMIT 1
            """,
            prepare=False,
        )
        row = await cursor.fetchone()
        return None if row is None else LockHolder(*row)
