"""A new password, or a new login beside the old one: PostgreSQL's catalog and the ledger change together."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from psycopg import sql

from capyd.domain.failures import PermanentError, TransientError
from capyd.domain.tenants import Credential, TenantLimits, TenantNames
from capyd.postgres.blockers import Note, unblocked
from capyd.postgres.connections import AdminConnections, Connection
from capyd.postgres.errors import retried_on_concurrent_update, translated
from capyd.postgres.sessions import end_sessions
from capyd.postgres.tenants import set_login_limits

Mint = Callable[[str], Credential]
"""Makes a credential for the login of this name."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """The login and the password in force."""

    login: str
    sealed_password: bytes | None
    """None: the tenant has changed it itself since."""
    retiring: str | None
    """The login before, which still works."""


@dataclass(frozen=True, slots=True)
class _Tenant:
    """What the ledger says about the tenant whose credential is changed. Its row is locked."""

    names: TenantNames
    login: str
    rotation_job_id: str | None
    sealed_password: bytes | None
    retiring: str | None


async def change_password(
    connections: AdminConnections, *, project_id: str, job_id: str, mint: Mint, note: Note
) -> Rotated:
    """Give the tenant's login another password. Sessions stay. The same job again: what it did the first time.

    `note` is told of a session that held a lock on the role, and was ended.

    Raises:
        PermanentError: the project has no tenant, or its login is gone.
        UnreachableError, TransientError: nothing was changed, or it was and the answer was lost: ask again.
    """

    async def change() -> Rotated:
        async with connections.ledger() as ledger, unblocked(connections, ledger, note), ledger.transaction():
            tenant = await _lock(ledger, project_id)
            if tenant.rotation_job_id == job_id:
                return Rotated(tenant.login, tenant.sealed_password, tenant.retiring)
            credential = mint(tenant.login)
            await ledger.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                    sql.Identifier(tenant.login), sql.Literal(credential.verifier.reveal())
                )
            )
            await ledger.execute(
                """
                UPDATE capyd.tenants
                SET verifier = %s, sealed_password = %s, rotation_job_id = %s, updated_at = pg_catalog.now()
                WHERE database_name = %s
                """,
                [credential.verifier.reveal(), credential.sealed_password, job_id, tenant.names.database],
            )
            return Rotated(tenant.login, credential.sealed_password, tenant.retiring)

    with translated("change the password"):
        return await retried_on_concurrent_update(change)


async def add_login(
    connections: AdminConnections,
    *,
    project_id: str,
    job_id: str,
    login: str,
    mint: Mint,
    limits: TenantLimits,
    retires_at: datetime,
    note: Note,
) -> Rotated:
    """Give the tenant a second login, `login`, as the present one; the one before works until it is dropped.

    The same job again: what it did the first time, whatever `login` it brings. Raises as `change_password`, and:

    Raises:
        PermanentError: the tenant has two logins already.
    """

    async def add() -> Rotated:
        async with connections.ledger() as ledger, unblocked(connections, ledger, note), ledger.transaction():
            tenant = await _lock(ledger, project_id)
            if tenant.rotation_job_id == job_id:
                return Rotated(tenant.login, tenant.sealed_password, tenant.retiring)
            if tenant.retiring is not None:
                raise PermanentError(f"the login {tenant.retiring} of an earlier rotation still works")
            credential = mint(login)
            role = sql.Identifier(login)
            await ledger.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {}").format(
                    role, sql.Literal(credential.verifier.reveal()), sql.Identifier(tenant.names.owner)
                )
            )
            await ledger.execute(sql.SQL("ALTER ROLE {} SET role = {}").format(role, sql.Literal(tenant.names.owner)))
            await set_login_limits(ledger, login, limits)
            await ledger.execute(
                """
                UPDATE capyd.tenants AS t
                SET retiring_name = t.login_name, retiring_oid = t.login_oid, retiring_verifier = t.verifier,
                    retires_at = %s, login_name = r.rolname, login_oid = r.oid, verifier = r.rolpassword,
                    sealed_password = %s, rotation_job_id = %s, updated_at = pg_catalog.now()
                FROM pg_catalog.pg_authid AS r
                WHERE t.database_name = %s AND r.rolname = %s
                """,
                [retires_at, credential.sealed_password, job_id, tenant.names.database, login],
            )
            return Rotated(login, credential.sealed_password, tenant.login)

    with translated("add a login"):
        return await retried_on_concurrent_update(add)


async def end_login_sessions(connections: AdminConnections, login: str) -> None:
    """End every session of the role.

    Raises:
        TransientError: one did not end.
    """
    with translated("end the login's sessions"):
        async with connections.ledger() as ledger:
            cursor = await ledger.execute("SELECT oid FROM pg_catalog.pg_roles WHERE rolname = %s", [login])
            oids = [oid async for (oid,) in cursor]
            _, remaining = await end_sessions(ledger, database_oid=None, role_oids=oids)
    if remaining:
        raise TransientError(f"{remaining} sessions of {login} have not ended yet")


async def _lock(ledger: Connection, project_id: str) -> _Tenant:
    cursor = await ledger.execute(
        """
        SELECT t.database_name, t.login_name, t.rotation_job_id, t.sealed_password, t.retiring_name,
            EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.oid = t.login_oid AND r.rolname = t.login_name)
        FROM capyd.tenants AS t WHERE t.project_id = %s AND t.state = 'claimed' FOR UPDATE
        """,
        [project_id],
    )
    row = await cursor.fetchone()
    if row is None:
        raise PermanentError("the project has no database on this cluster")
    database, login, rotation_job_id, sealed_password, retiring, is_there = row
    if not is_there:
        raise PermanentError(f"the project's login {login} is gone, or has another name")
    return _Tenant(TenantNames(database), login, rotation_job_id, sealed_password, retiring)
