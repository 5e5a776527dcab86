"""Sealed spares: finished tenants that nobody owns yet, built before they are asked for."""

from collections.abc import Iterable

from psycopg import sql

from capyd.domain.failures import PermanentError
from capyd.domain.tenants import Credential, TenantNames
from capyd.postgres.connections import AdminConnections
from capyd.postgres.dropping import drop_tenant
from capyd.postgres.errors import translated
from capyd.postgres.roles import PLATFORM_ROLE


async def build_spare(
    connections: AdminConnections, *, template: str, names: TenantNames, credential: Credential, pool_size: int
) -> None:
    """Build the tenant `names` from `template`, closed to everybody, and enter it in the ledger as a spare.

    `names` must be new. An interrupted build stays in the ledger as `building`, for `drop_unfinished`.
    `pool_size` is the number of server connections that the pooler may open to it.

    Raises:
        UnreachableError, TransientError, PermanentError: the build is unfinished.
    """
    with translated("build a database ahead of time"):
        await _begin(connections, template=template, names=names, credential=credential, pool_size=pool_size)
        await _create_database(connections, template=template, names=names)
        await _hand_over_public(connections, names)
        await _finish(connections, names)


async def mark_pooled(connections: AdminConnections, databases: Iterable[str]) -> None:
    """Note that the pooler has entries for `databases`: a claim then need not wait for one."""
    with translated("note which databases are pooled"):
        async with connections.ledger() as ledger:
            await ledger.execute(
                """
                UPDATE capyd.tenants SET pooled = true, updated_at = pg_catalog.now()
                WHERE database_name = ANY (%s) AND NOT pooled
                """,
                [list(databases)],
            )


async def count_spares(connections: AdminConnections) -> int:
    """How many spares are ready to be claimed."""
    with translated("count the spare databases"):
        async with connections.ledger() as ledger:
            cursor = await ledger.execute("SELECT pg_catalog.count(*) FROM capyd.tenants WHERE state = 'spare'")
            (count,) = await cursor.fetchone() or (0,)
            return int(count)


async def count_building(connections: AdminConnections) -> int:
    """How many are being built, by a create that waits or ahead of one."""
    with translated("count the databases that are being built"):
        async with connections.ledger() as ledger:
            cursor = await ledger.execute("SELECT pg_catalog.count(*) FROM capyd.tenants WHERE state = 'building'")
            (count,) = await cursor.fetchone() or (0,)
            return int(count)


async def list_unfinished(connections: AdminConnections) -> list[TenantNames]:
    """What an interrupted build or the drop of a spare left behind, oldest first.

    A build that is under way is among them: ask before any is started.
    """
    with translated("list unfinished databases"):
        async with connections.ledger() as ledger:
            cursor = await ledger.execute(
                """
                SELECT database_name FROM capyd.tenants
                WHERE state = 'building' OR (state = 'deleting' AND project_id IS NULL)
                ORDER BY created_at
                """
            )
            return [TenantNames(name) async for (name,) in cursor]


async def drop_unfinished(connections: AdminConnections, names: TenantNames) -> None:
    """Drop what there is of an unfinished build. Does nothing to a tenant that is finished, or a project's."""
    with translated("give up an unfinished database"):
        async with connections.ledger() as ledger:
            await ledger.execute(
                """
                UPDATE capyd.tenants SET state = 'deleting', updated_at = pg_catalog.now()
                WHERE database_name = %s AND state = 'building'
                """,
                [names.database],
            )
            cursor = await ledger.execute(
                """
                SELECT FROM capyd.tenants
                WHERE database_name = %s AND state = 'deleting' AND project_id IS NULL
                """,
                [names.database],
            )
            unfinished = cursor.rowcount > 0
    if unfinished:
        await drop_tenant(connections, names)


async def retire_stale_spares(connections: AdminConnections, template: str) -> list[TenantNames]:
    """Drop the spares that were built from another template than `template`; returns which these were."""
    with translated("give up outdated spare databases"):
        async with connections.ledger() as ledger:
            cursor = await ledger.execute(
                """
                UPDATE capyd.tenants SET state = 'deleting', updated_at = pg_catalog.now()
                WHERE state = 'spare' AND template <> %s
                RETURNING database_name
                """,
                [template],
            )
            retired = [TenantNames(name) async for (name,) in cursor]
    for names in retired:
        await drop_tenant(connections, names)
    return retired


async def _begin(
    connections: AdminConnections, *, template: str, names: TenantNames, credential: Credential, pool_size: int
) -> None:
    """Commit row and roles together: from here on the ledger knows every object by name."""
    login, owner = sql.Identifier(names.login), sql.Identifier(names.owner)
    async with connections.ledger() as ledger, ledger.pipeline(), ledger.transaction():
        await ledger.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(owner))
        # Its password is set now: the server computes on a verifier for milliseconds, which a claim would wait for.
        await ledger.execute(
            sql.SQL("CREATE ROLE {} NOLOGIN PASSWORD {} CONNECTION LIMIT 0 IN ROLE {}").format(
                login, sql.Literal(credential.verifier.reveal()), owner
            )
        )
        # What the tenant makes belongs to the owner role, whichever of its logins made it.
        await ledger.execute(sql.SQL("ALTER ROLE {} SET role = {}").format(login, sql.Literal(names.owner)))
        await ledger.execute(
            """
            INSERT INTO capyd.tenants
                (database_name, state, template, owner_oid, login_oid, login_name, sealed_password, verifier, pool_size)
            SELECT %s, 'building', %s, owner.oid, login.oid, login.rolname, %s, %s, %s
            FROM pg_catalog.pg_roles AS owner, pg_catalog.pg_roles AS login
            WHERE owner.rolname = %s AND login.rolname = %s
            """,
            [
                names.database,
                template,
                credential.sealed_password,
                credential.verifier.reveal(),
                pool_size,
                names.owner,
                names.login,
            ],
        )


async def _create_database(connections: AdminConnections, *, template: str, names: TenantNames) -> None:
    database = sql.Identifier(names.database)
    async with connections.building() as maintenance:
        await maintenance.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY wal_log CONNECTION LIMIT 0").format(
                database, sql.Identifier(PLATFORM_ROLE), sql.Identifier(template)
            )
        )
        # A template's privileges are not copied: a new database lets PUBLIC in, but for the limit of 0.
        async with maintenance.pipeline(), maintenance.transaction():
            await maintenance.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
            await maintenance.execute(
                sql.SQL("GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {} TO {}").format(
                    database, sql.Identifier(names.owner)
                )
            )


async def _hand_over_public(connections: AdminConnections, names: TenantNames) -> None:
    async with connections.database(names.database) as inside:
        await inside.execute(sql.SQL("ALTER SCHEMA public OWNER TO {}").format(sql.Identifier(names.owner)))


async def _finish(connections: AdminConnections, names: TenantNames) -> None:
    """Make it a spare, if it is sealed as it should be: GRANT and REVOKE may do nothing, with a warning only."""
    async with connections.ledger() as ledger:
        cursor = await ledger.execute(
            """
            UPDATE capyd.tenants AS t
            SET state = 'spare', database_oid = d.oid, updated_at = pg_catalog.now()
            FROM pg_catalog.pg_database AS d
            WHERE t.database_name = %s AND t.state = 'building' AND d.datname = t.database_name
                AND d.datconnlimit = 0
                AND NOT EXISTS (
                    SELECT FROM pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba)))
                    WHERE grantee = 0
                )
                AND (
                    SELECT pg_catalog.count(*) FROM pg_catalog.aclexplode(d.datacl)
                    WHERE grantee = t.owner_oid AND privilege_type IN ('CONNECT', 'CREATE', 'TEMPORARY')
                ) = 3
            """,
            [names.database],
        )
    if cursor.rowcount != 1:
        raise PermanentError(f"the database {names.database} is not sealed as it should be; it stays unfinished")
