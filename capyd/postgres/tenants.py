"""A project's tenant: claimed from the spares, given its limits, shut out before it is dropped."""

from collections.abc import Iterable
from datetime import timedelta

from psycopg import errors, sql
from psycopg.types.json import Jsonb

from capyd.domain.failures import PermanentError, TransientError
from capyd.domain.specifications import Specification
from capyd.domain.tenants import ClaimedTenant, TenantLimits, TenantNames
from capyd.postgres.blockers import Note, say_nothing, unblocked
from capyd.postgres.connections import AdminConnections, Connection
from capyd.postgres.errors import retried_on_concurrent_update, translated
from capyd.postgres.logins import list_logins
from capyd.postgres.sessions import end_sessions


async def find_tenant(connections: AdminConnections, project_id: str) -> ClaimedTenant | None:
    """The tenant that the project has, or None. One that is being deleted is none."""
    with translated("find the project's database"):
        async with connections.ledger() as ledger:
            return await _find(ledger, project_id)


async def claim_spare(
    connections: AdminConnections,
    *,
    project_id: str,
    organization_id: str,
    limits: TenantLimits,
    specification: Specification,
) -> ClaimedTenant | None:
    """Make a spare the project's, and open it, in one transaction. None: there is no spare.

    A project that has a tenant keeps it, untouched. A spare that the pooler already knows is preferred.

    Raises:
        UnreachableError, TransientError: nothing was claimed, or it was and the answer was lost: ask again.
        PermanentError: the project's tenant is being deleted.
    """

    async def claim() -> ClaimedTenant | None:
        async with connections.ledger() as ledger, ledger.pipeline(), ledger.transaction():
            return await _find(ledger, project_id) or await _claim(
                ledger,
                project_id=project_id,
                organization_id=organization_id,
                limits=limits,
                specification=specification,
            )

    with translated("claim a database for the project"):
        try:
            return await retried_on_concurrent_update(claim)
        except errors.UniqueViolation as error:
            if error.diag.table_name != "tenants":
                raise
            # The project has a row after all: another claim for it came first, or it is being deleted.
            tenant = await find_tenant(connections, project_id)
    if tenant is None:
        raise PermanentError("the project's database is being deleted")
    return tenant


async def apply_limits(
    connections: AdminConnections,
    project_id: str,
    limits: TenantLimits,
    specification: Specification,
    *,
    note: Note = say_nothing,
) -> None:
    """Set the tenant's limits, and keep `specification` with it. Sessions already open keep their timeouts.

    A session of the tenant's that holds it up with a lock is ended, and `note` told.

    Raises:
        PermanentError: the project has no tenant.
    """

    async def apply() -> bool:
        async with (
            connections.ledger() as ledger,
            unblocked(connections, ledger, note),
            ledger.pipeline(),
            ledger.transaction(),
        ):
            cursor = await ledger.execute(
                """
                UPDATE capyd.tenants AS t
                SET specification = %s, pool_size = %s, updated_at = pg_catalog.now()
                FROM pg_catalog.pg_database AS d
                WHERE t.project_id = %s AND t.state = 'claimed' AND d.oid = t.database_oid AND d.datconnlimit <> -2
                RETURNING t.database_name
                """,
                [Jsonb(specification), limits.pool_size, project_id],
            )
            row = await cursor.fetchone()
            if row is None:
                return False
            await set_limits(ledger, row[0], await list_logins(ledger, row[0]), limits)
            return True

    with translated("apply the project's limits"):
        if not await retried_on_concurrent_update(apply):
            raise PermanentError("the project has no database on this cluster")


async def shut_out(connections: AdminConnections, project_id: str, *, note: Note = say_nothing) -> TenantNames | None:
    """Let the project's tenant in no more and end its sessions; its ledger row says `deleting` from here on.

    Returns what is to be dropped, or None when the project has nothing here (any more). `note` is told what was in use.

    Raises:
        TransientError: a session did not end.
    """

    async def shut() -> tuple[TenantNames, int, list[int]] | None:
        async with (
            connections.ledger() as ledger,
            unblocked(connections, ledger, note),
            ledger.transaction(),
        ):
            return await _shut(ledger, project_id)

    with translated("shut the project's database"):
        shut_tenant = await retried_on_concurrent_update(shut)
        if shut_tenant is None:
            return None
        names, database_oid, role_oids = shut_tenant
        async with connections.ledger() as ledger:
            told, remaining = await end_sessions(ledger, database_oid=database_oid, role_oids=role_oids)
    if told:
        note(f"ended {told} session{'s' * (told > 1)}")
    if remaining:
        raise TransientError(f"{remaining} sessions in the database {names.database} have not ended yet")
    return names


async def _find(ledger: Connection, project_id: str) -> ClaimedTenant | None:
    cursor = await ledger.execute(
        """
        SELECT database_name, login_name, database_oid, sealed_password, pooled
        FROM capyd.tenants WHERE project_id = %s AND state = 'claimed'
        """,
        [project_id],
    )
    row = await cursor.fetchone()
    return None if row is None else _tenant(*row)


async def _claim(
    ledger: Connection, *, project_id: str, organization_id: str, limits: TenantLimits, specification: Specification
) -> ClaimedTenant | None:
    # Joined with what the cluster really has: a spare that somebody dropped or replaced by hand is passed over,
    # and so is one whose drop was interrupted (-2), which ALTER DATABASE would answer by ending our session.
    cursor = await ledger.execute(
        """
        UPDATE capyd.tenants
        SET state = 'claimed', project_id = %s, organization_id = %s, specification = %s, pool_size = %s,
            claimed_at = pg_catalog.now(), updated_at = pg_catalog.now()
        WHERE database_name = (
            SELECT t.database_name
            FROM capyd.tenants AS t
            JOIN pg_catalog.pg_database AS d ON d.oid = t.database_oid AND d.datname = t.database_name
            JOIN pg_catalog.pg_authid AS login ON login.oid = t.login_oid AND login.rolname = t.login_name
            JOIN pg_catalog.pg_authid AS owner ON owner.oid = t.owner_oid
            WHERE t.state = 'spare' AND d.datconnlimit <> -2
            ORDER BY t.pooled DESC, t.created_at
            LIMIT 1
            FOR UPDATE OF t SKIP LOCKED
        )
        RETURNING database_name, login_name, database_oid, sealed_password, pooled
        """,
        [project_id, organization_id, Jsonb(specification), limits.pool_size],
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    tenant = _tenant(*row)
    # Its password has been there since the spare was built.
    await set_limits(ledger, tenant.names.database, [tenant.login], limits)
    return tenant


async def set_limits(ledger: Connection, database: str, logins: Iterable[str], limits: TenantLimits) -> None:
    """Set the limits of a database and its logins, inside the caller's transaction.

    The limit on a login holds because the tenant may not change it; the one on the database holds for all in total.
    """
    await ledger.execute(
        sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}").format(sql.Identifier(database), sql.Literal(limits.sessions))
    )
    for login in logins:
        await set_login_limits(ledger, login, limits)


async def set_login_limits(ledger: Connection, login: str, limits: TenantLimits) -> None:
    """Set the limits of one login, inside the caller's transaction: settings are not inherited.

    Of a tenant that is to be shut it is none.
    """
    role = sql.Identifier(login)
    may_login = sql.SQL("NOLOGIN" if limits.is_shut else "LOGIN")
    await ledger.execute(
        sql.SQL("ALTER ROLE {} {} CONNECTION LIMIT {}").format(role, may_login, sql.Literal(limits.sessions))
    )
    for parameter, milliseconds in timeout_settings(limits).items():
        await ledger.execute(
            sql.SQL("ALTER ROLE {} SET {} = {}").format(role, sql.Identifier(parameter), sql.Literal(milliseconds))
        )


def timeout_settings(limits: TenantLimits) -> dict[str, int]:
    """The login's parameters: timeouts in milliseconds, which are defaults, and a limit in kB that it cannot lift."""
    return {
        "temp_file_limit": limits.temp_file_bytes // 1024,
        "statement_timeout": limits.statement_timeout // timedelta(milliseconds=1),
        "idle_in_transaction_session_timeout": limits.idle_transaction_timeout // timedelta(milliseconds=1),
    }


async def _shut(ledger: Connection, project_id: str) -> tuple[TenantNames, int, list[int]] | None:
    """The names, the database's OID and the roles' OIDs of what was shut."""
    cursor = await ledger.execute(
        """
        UPDATE capyd.tenants AS t SET state = 'deleting', updated_at = pg_catalog.now()
        WHERE project_id = %s
        RETURNING database_name, database_oid, login_oid, owner_oid, coalesce(retiring_oid, 0),
            EXISTS (
                SELECT FROM pg_catalog.pg_database AS d
                WHERE d.oid = t.database_oid AND d.datname = t.database_name AND d.datconnlimit <> -2
            )
        """,
        [project_id],
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    name, database_oid, login_oid, owner_oid, retiring_oid, has_database = row
    names = TenantNames(name)
    for login in await list_logins(ledger, name):
        await ledger.execute(sql.SQL("ALTER ROLE {} NOLOGIN CONNECTION LIMIT 0").format(sql.Identifier(login)))
    if has_database:
        await ledger.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT 0").format(sql.Identifier(names.database)))
    return names, database_oid, [login_oid, owner_oid, retiring_oid]


def _tenant(database: str, login: str, database_oid: int, sealed_password: bytes | None, pooled: bool) -> ClaimedTenant:
    return ClaimedTenant(TenantNames(database), login, database_oid, sealed_password, pooled)
