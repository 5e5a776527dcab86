"""Organizations, projects and keys as records: whole rows with their revisions, out to the ledger and back."""

import json
from collections.abc import Sequence

from capyd.domain.projects import ProjectState
from capyd.domain.records import ApiKeyRecord, OrganizationRecord, ProjectRecord
from capyd.sqlite.api_keys import api_key_from_row
from capyd.sqlite.columns import to_micros, to_micros_or_none, to_millis
from capyd.sqlite.database import Reads, Transaction
from capyd.sqlite.organizations import organization_from_row
from capyd.sqlite.projects import SELECT_PROJECTS, project_from_row

_AMONG = "IN (SELECT value FROM json_each(?))"


async def list_organization_records(reads: Reads, ids: Sequence[str]) -> tuple[OrganizationRecord, ...]:
    """Those of `ids` that there are."""
    rows = await reads.fetch_all(f"SELECT * FROM organizations WHERE id {_AMONG} ORDER BY revision", [json.dumps(ids)])  # noqa: S608
    return tuple(OrganizationRecord(organization_from_row(row), row["revision"]) for row in rows)


async def list_project_records(reads: Reads, ids: Sequence[str]) -> tuple[ProjectRecord, ...]:
    """Those of `ids` that there are, tombstones included."""
    rows = await reads.fetch_all(
        f"{SELECT_PROJECTS} WHERE projects.id {_AMONG} ORDER BY projects.revision", [json.dumps(ids)]
    )
    return tuple(ProjectRecord(project_from_row(row), row["revision"]) for row in rows)


async def list_api_key_records(reads: Reads, ids: Sequence[str]) -> tuple[ApiKeyRecord, ...]:
    """Those of `ids` that there are, revoked ones included."""
    rows = await reads.fetch_all(f"SELECT * FROM api_keys WHERE id {_AMONG} ORDER BY revision", [json.dumps(ids)])  # noqa: S608
    return tuple(ApiKeyRecord(api_key_from_row(row), row["digest"], row["revision"]) for row in rows)


async def list_revisions(reads: Reads) -> dict[str, int]:
    """The revision of every organization, project and key, by id."""
    rows = await reads.fetch_all(
        "SELECT id, revision FROM organizations UNION ALL SELECT id, revision FROM projects "
        "UNION ALL SELECT id, revision FROM api_keys"
    )
    return {row["id"]: row["revision"] for row in rows}


async def put_organization(tx: Transaction, record: OrganizationRecord) -> None:
    """Write the organization whole, in place of the row that may be there."""
    organization = record.organization
    await tx.execute(
        """
        INSERT INTO organizations (id, name, slug, plan, created_at, updated_at, suspended_at, suspended_reason)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, slug = excluded.slug, plan = excluded.plan,
          updated_at = excluded.updated_at, suspended_at = excluded.suspended_at,
          suspended_reason = excluded.suspended_reason
        """,
        (
            organization.id,
            organization.name,
            organization.slug,
            organization.plan,
            to_micros(organization.created_at),
            to_micros(organization.updated_at),
            to_micros_or_none(organization.suspended_at),
            organization.suspended_reason,
        ),
    )


async def put_project(tx: Transaction, record: ProjectRecord) -> None:
    """Write the project whole, in place of the row that may be there, tombstone or not; its latest job stays."""
    project = record.project
    await tx.execute(
        """
        INSERT INTO projects (
          id, organization_id, name, slug, environment, state, always_on, last_error, latest_job_id, database_name,
          role_name, sealed_password, max_connections, statement_timeout, idle_transaction_timeout,
          storage_limit_bytes, created_at, updated_at, deleted_at
        ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, environment = excluded.environment,
          state = excluded.state, always_on = excluded.always_on, last_error = excluded.last_error,
          database_name = excluded.database_name, role_name = excluded.role_name,
          sealed_password = excluded.sealed_password,
          max_connections = excluded.max_connections, statement_timeout = excluded.statement_timeout,
          idle_transaction_timeout = excluded.idle_transaction_timeout,
          storage_limit_bytes = excluded.storage_limit_bytes, updated_at = excluded.updated_at,
          deleted_at = excluded.deleted_at
        """,
        (
            project.id,
            project.organization_id,
            project.name,
            project.slug,
            project.environment,
            project.state.value,
            project.always_on,
            project.last_error,
            project.latest_job_id,
            project.database_name,
            project.role_name,
            project.sealed_password,
            project.max_connections,
            to_millis(project.statement_timeout),
            to_millis(project.idle_transaction_timeout),
            project.storage_limit_bytes,
            to_micros(project.created_at),
            to_micros(project.updated_at),
            to_micros(project.updated_at) if project.state is ProjectState.DELETED else None,
        ),
    )


async def put_api_key(tx: Transaction, record: ApiKeyRecord) -> None:
    """Write the key whole, in place of the row that may be there; when it was last used stays."""
    key = record.key
    await tx.execute(
        """
        INSERT INTO api_keys (
          id, organization_id, project_id, name, digest, key_prefix, scopes, source, expires_at, revoked_at, created_at
        ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, scopes = excluded.scopes,
          expires_at = excluded.expires_at, revoked_at = excluded.revoked_at
        """,
        (
            key.id,
            key.organization_id,
            key.project_id,
            key.name,
            record.digest,
            key.key_prefix,
            json.dumps(key.scopes),
            key.source,
            to_micros_or_none(key.expires_at),
            to_micros_or_none(key.revoked_at),
            to_micros(key.created_at),
        ),
    )
