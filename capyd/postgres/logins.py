"""Who may log in to a tenant's database: one role, and a second one while a rotation has its grace period."""

from capyd.postgres.connections import Connection


async def list_logins(ledger: Connection, database: str) -> list[str]:
    """The names of the tenant's logins that are there and whose time is not over, the present one first.

    By OID and name: a role that was renamed, or one that has taken a login's name, is none.
    """
    cursor = await ledger.execute(
        """
        SELECT r.rolname FROM capyd.tenants AS t
        JOIN pg_catalog.pg_roles AS r
            ON (r.oid = t.login_oid AND r.rolname = t.login_name)
            OR (r.oid = t.retiring_oid AND r.rolname = t.retiring_name AND t.retiring_verifier IS NOT NULL)
        WHERE t.database_name = %s
        ORDER BY r.oid = t.login_oid DESC
        """,
        [database],
    )
    return [name async for (name,) in cursor]
