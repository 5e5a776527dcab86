"""Organizations, keys and projects in the ledger: carried there as they change, read when the state file is lost."""

from typing import Any

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from capyd.domain.api_keys import ApiKey
from capyd.domain.organizations import Organization
from capyd.domain.projects import ProjectState
from capyd.domain.records import (
    ApiKeyRecord,
    Ledger,
    LedgerHead,
    OrganizationRecord,
    ProjectRecord,
    Records,
    RetiringLogin,
    TenantRecord,
)
from capyd.domain.specifications import from_specification, to_specification
from capyd.postgres.audit_head import find_noted_head
from capyd.postgres.connections import LEDGER_DATABASE, AdminConnections, Connection
from capyd.postgres.errors import translated


async def read_head(connections: AdminConnections) -> LedgerHead:
    """How far the ledger is."""
    with translated("read the ledger's head"):
        async with connections.ledger() as ledger:
            return await _read_head(ledger)


async def write_records(connections: AdminConnections, records: Records, head: LedgerHead) -> None:
    """Write them in one transaction, each unless the ledger has a newer one. Again is fine.

    Raises:
        StepError: nothing was written, or all was and the answer was lost.
    """
    with translated("carry changes to the ledger"):
        async with connections.ledger() as ledger, ledger.pipeline(), ledger.transaction():
            for organization in records.organizations:
                await _write_organization(ledger, organization)
            for project in records.projects:
                await _write_project(ledger, project)
            for key in records.api_keys:
                await _write_api_key(ledger, key)
            await ledger.execute("UPDATE capyd.head SET revision = %s, mark = %s", [head.revision, head.mark])


async def find_ledger(connections: AdminConnections) -> Ledger | None:
    """All of it, as of one moment; None: this cluster has none.

    Raises:
        StepError: it cannot be read.
    """
    with translated("look for the ledger"):
        async with connections.maintenance() as maintenance:
            cursor = await maintenance.execute(
                "SELECT FROM pg_catalog.pg_database WHERE datname = %s", [LEDGER_DATABASE]
            )
            if not cursor.rowcount:
                return None
    with translated("read the ledger"):
        async with connections.ledger() as ledger:
            cursor = await ledger.execute("SELECT pg_catalog.to_regclass('capyd.head')")
            if await cursor.fetchone() == (None,):
                return None
            async with ledger.transaction():
                await ledger.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                records = Records(
                    organizations=tuple([_to_organization(row) for row in await _rows(ledger, "organizations")]),
                    projects=tuple([_to_project(row) for row in await _rows(ledger, "projects")]),
                    api_keys=tuple([_to_api_key(row) for row in await _rows(ledger, "api_keys")]),
                )
                return Ledger(
                    await _read_head(ledger), records, await _read_tenants(ledger), await find_noted_head(ledger)
                )


async def _read_head(ledger: Connection) -> LedgerHead:
    cursor = await ledger.execute("SELECT revision, mark FROM capyd.head")
    return LedgerHead(*(await cursor.fetchone() or (0, None)))


async def _write_organization(ledger: Connection, record: OrganizationRecord) -> None:
    organization = record.organization
    await ledger.execute(
        """
        INSERT INTO capyd.organizations AS known
            (id, name, slug, plan, created_at, updated_at, suspended_at, suspended_reason, revision)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, slug = excluded.slug, plan = excluded.plan,
            updated_at = excluded.updated_at, suspended_at = excluded.suspended_at,
            suspended_reason = excluded.suspended_reason, revision = excluded.revision
        WHERE known.revision < excluded.revision
        """,
        [
            organization.id,
            organization.name,
            organization.slug,
            organization.plan,
            organization.created_at,
            organization.updated_at,
            organization.suspended_at,
            organization.suspended_reason,
            record.revision,
        ],
    )


async def _write_project(ledger: Connection, record: ProjectRecord) -> None:
    project = record.project
    await ledger.execute(
        """
        INSERT INTO capyd.projects AS known
            (id, organization_id, state, last_error, specification, updated_at, revision)
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (id) DO UPDATE SET state = excluded.state, last_error = excluded.last_error,
            specification = excluded.specification, updated_at = excluded.updated_at, revision = excluded.revision
        WHERE known.revision < excluded.revision
        """,
        [
            project.id,
            project.organization_id,
            project.state.value,
            project.last_error,
            Jsonb(to_specification(project)),
            project.updated_at,
            record.revision,
        ],
    )


async def _write_api_key(ledger: Connection, record: ApiKeyRecord) -> None:
    key = record.key
    await ledger.execute(
        """
        INSERT INTO capyd.api_keys AS known
            (id, organization_id, project_id, name, digest, key_prefix, scopes, source, expires_at, revoked_at,
             created_at, revision)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, scopes = excluded.scopes,
            expires_at = excluded.expires_at, revoked_at = excluded.revoked_at, revision = excluded.revision
        WHERE known.revision < excluded.revision
        """,
        [
            key.id,
            key.organization_id,
            key.project_id,
            key.name,
            record.digest,
            key.key_prefix,
            list(key.scopes),
            key.source,
            key.expires_at,
            key.revoked_at,
            key.created_at,
            record.revision,
        ],
    )


async def _rows(ledger: Connection, table: str) -> list[dict[str, Any]]:
    async with ledger.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(f"SELECT * FROM capyd.{table} ORDER BY revision")  # noqa: S608  (a constant of this file)
        return await cursor.fetchall()


async def _read_tenants(ledger: Connection) -> dict[str, TenantRecord]:
    async with ledger.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            """
            SELECT database_name, login_name, state, sealed_password, project_id, organization_id, specification,
                claimed_at, retiring_name, retires_at
            FROM capyd.tenants WHERE project_id IS NOT NULL ORDER BY claimed_at
            """
        )
        return {row["project_id"]: _to_tenant(row) async for row in cursor}


def _to_organization(row: dict[str, Any]) -> OrganizationRecord:
    revision = row.pop("revision")
    return OrganizationRecord(Organization(**row), revision)


def _to_project(row: dict[str, Any]) -> ProjectRecord:
    project = from_specification(
        row["specification"],
        project_id=row["id"],
        organization_id=row["organization_id"],
        state=ProjectState(row["state"]),
        last_error=row["last_error"],
        updated_at=row["updated_at"],
    )
    return ProjectRecord(project, row["revision"])


def _to_api_key(row: dict[str, Any]) -> ApiKeyRecord:
    revision, digest, scopes = row.pop("revision"), row.pop("digest"), row.pop("scopes")
    return ApiKeyRecord(ApiKey(**row, scopes=tuple(scopes), last_used_at=None), digest, revision)


def _to_tenant(row: dict[str, Any]) -> TenantRecord:
    is_claimed = row["state"] == "claimed"
    project = from_specification(
        row["specification"],
        project_id=row["project_id"],
        organization_id=row["organization_id"],
        state=ProjectState.READY if is_claimed else ProjectState.DELETING,
        last_error=None,
        updated_at=row["claimed_at"],
    )
    return TenantRecord(
        project,
        row["database_name"],
        row["login_name"],
        row["sealed_password"] or None,
        is_claimed=is_claimed,
        retiring=None if row["retiring_name"] is None else RetiringLogin(row["retiring_name"], row["retires_at"]),
    )
