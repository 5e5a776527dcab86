"""Mends what somebody changed about a tenant by hand. Each repair looks again under the row's lock, and may find
that there is nothing to do: a job, or a claim, came first.
"""

from collections.abc import Awaitable, Callable, Sequence

from psycopg import sql

from capyd.domain.secret import Secret
from capyd.domain.tenants import TenantLimits, TenantNames
from capyd.postgres.connections import AdminConnections, Connection
from capyd.postgres.errors import retried_on_concurrent_update, translated
from capyd.postgres.logins import list_logins
from capyd.postgres.roles import PLATFORM_ROLE
from capyd.postgres.tenants import set_limits, timeout_settings

_NO_POWERS = sql.SQL("NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS INHERIT")


async def adopt_verifier(connections: AdminConnections, names: TenantNames, *, known: Secret, seen: Secret) -> bool:
    """Have the ledger follow a password that the tenant changed itself, from `known` to `seen`.

    What is sealed in the ledger is another password then, and is forgotten. False: one of the two is not so any more.
    """
    with translated("adopt the tenant's own password"):
        async with connections.ledger() as ledger:
            cursor = await ledger.execute(
                """
                UPDATE capyd.tenants AS t
                SET verifier = r.rolpassword, sealed_password = NULL, updated_at = pg_catalog.now()
                FROM pg_catalog.pg_authid AS r
                WHERE t.database_name = %s AND t.state = 'claimed' AND t.verifier = %s
                    AND r.oid = t.login_oid AND r.rolpassword = %s
                """,
                [names.database, known.reveal(), seen.reveal()],
            )
            return cursor.rowcount == 1


async def restore_tenant(
    connections: AdminConnections, names: TenantNames, limits_now: Callable[[], Awaitable[TenantLimits | None]]
) -> bool:
    """Give a project's tenant its limits, attributes and privileges again. Sessions already open keep their timeouts.

    `limits_now` is called under the row's lock: whatever changes the desired limits after its answer applies
    them after us. None from it: leave the tenant alone. False: there was nothing that may be mended.
    """

    async def restore() -> bool:
        async with connections.ledger() as ledger, ledger.transaction():
            if await _lock(ledger, names, state="claimed") is None:
                return False
            logins = await list_logins(ledger, names.database)
            limits = await limits_now()
            if limits is None:
                return False
            await ledger.execute(
                """
                UPDATE capyd.tenants SET pool_size = %s, updated_at = pg_catalog.now(),
                    specification = specification || pg_catalog.jsonb_build_object('suspended', %s::boolean)
                WHERE database_name = %s
                """,
                [limits.pool_size, limits.is_shut, names.database],
            )
            for login in map(sql.Identifier, logins):
                await ledger.execute(sql.SQL("ALTER ROLE {} LOGIN {}").format(login, _NO_POWERS))
                for parameter in ("role", *timeout_settings(limits)):
                    # Set for the one database, it would win over what is set for the role.
                    await ledger.execute(
                        sql.SQL("ALTER ROLE {} IN DATABASE {} RESET {}").format(
                            login, sql.Identifier(names.database), sql.Identifier(parameter)
                        )
                    )
            await _restore_ownership(ledger, names, logins)
            await set_limits(ledger, names.database, logins, limits)
            return True

    with translated("restore the project's limits"):
        return await retried_on_concurrent_update(restore)


async def reseal_spare(connections: AdminConnections, names: TenantNames) -> bool:
    """Close a spare that somebody opened. False: it is no spare any more, or not all of it is there."""

    async def reseal() -> bool:
        async with connections.ledger() as ledger, ledger.transaction():
            verifier = await _lock(ledger, names, state="spare")
            if verifier is None:
                return False
            login, database = sql.Identifier(names.login), sql.Identifier(names.database)
            await ledger.execute(
                sql.SQL("ALTER ROLE {} NOLOGIN CONNECTION LIMIT 0 PASSWORD {} {}").format(
                    login, sql.Literal(verifier.reveal()), _NO_POWERS
                )
            )
            await ledger.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT 0").format(database))
            await _restore_ownership(ledger, names, [names.login])
            return True

    with translated("seal a spare database again"):
        return await retried_on_concurrent_update(reseal)


async def give_up_spare(connections: AdminConnections, names: TenantNames) -> bool:
    """Mark a spare that cannot be claimed, for want of its database or a role, to be dropped.

    False: it is no spare any more, it is whole, or another database has taken its name (which nobody may drop).
    """
    with translated("give up a spare database"):
        async with connections.ledger() as ledger:
            cursor = await ledger.execute(
                """
                UPDATE capyd.tenants AS t SET state = 'deleting', updated_at = pg_catalog.now()
                WHERE t.database_name = %s AND t.state = 'spare'
                    AND NOT EXISTS (
                        SELECT FROM pg_catalog.pg_database AS d
                        WHERE d.datname = t.database_name AND d.oid <> t.database_oid
                    )
                    AND NOT (
                        EXISTS (
                            SELECT FROM pg_catalog.pg_database AS d
                            WHERE d.oid = t.database_oid AND d.datconnlimit <> -2
                        )
                        AND EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.oid = t.login_oid)
                        AND EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.oid = t.owner_oid)
                    )
                """,
                [names.database],
            )
            return cursor.rowcount == 1


async def _lock(ledger: Connection, names: TenantNames, *, state: str) -> Secret | None:
    """Lock the tenant's row, and return its verifier, if it is in this state and all is there under its own name."""
    cursor = await ledger.execute(
        """
        SELECT t.verifier FROM capyd.tenants AS t
        JOIN pg_catalog.pg_database AS d ON d.oid = t.database_oid AND d.datname = t.database_name
        JOIN pg_catalog.pg_authid AS login ON login.oid = t.login_oid AND login.rolname = t.login_name
        JOIN pg_catalog.pg_authid AS owner ON owner.oid = t.owner_oid AND owner.rolname = %s
        WHERE t.database_name = %s AND t.state = %s AND d.datconnlimit <> -2
        FOR UPDATE OF t
        """,
        [names.owner, names.database, state],
    )
    row = await cursor.fetchone()
    return None if row is None else Secret(row[0])


async def _restore_ownership(ledger: Connection, names: TenantNames, logins: Sequence[str]) -> None:
    """The database is the platform's, the owner role's to use, and nobody else's; a login acts as the owner role."""
    owner, database = sql.Identifier(names.owner), sql.Identifier(names.database)
    await ledger.execute(sql.SQL("ALTER ROLE {} NOLOGIN {}").format(owner, _NO_POWERS))
    for login in map(sql.Identifier, logins):
        await ledger.execute(sql.SQL("GRANT {} TO {}").format(owner, login))
        await ledger.execute(sql.SQL("ALTER ROLE {} SET role = {}").format(login, sql.Literal(names.owner)))
    # First the owner: privileges are revoked as whoever that is, and those that another granted would stay.
    await ledger.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, sql.Identifier(PLATFORM_ROLE)))
    await ledger.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE false ALLOW_CONNECTIONS true").format(database))
    await ledger.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    await ledger.execute(sql.SQL("GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {} TO {}").format(database, owner))
