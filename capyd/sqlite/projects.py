"""The table of projects. A row that is `deleted` is a tombstone: no function here but `get` by its job sees it."""

import sqlite3
from datetime import datetime, timedelta

from capyd.domain.paging import Page, PageRequest
from capyd.domain.projects import Project, ProjectState
from capyd.sqlite.columns import from_micros, from_millis, to_micros, to_millis
from capyd.sqlite.database import Reads, Transaction
from capyd.sqlite.pages import to_page

SELECT_PROJECTS = """
SELECT projects.*, organizations.plan AS plan, organizations.suspended_at IS NOT NULL AS is_suspended
FROM projects JOIN organizations ON organizations.id = projects.organization_id
"""
"""Rows for `project_from_row`; to be narrowed by a WHERE."""


async def insert_project(tx: Transaction, project: Project) -> None:
    """Add it. Its slug must be free among the organization's live projects."""
    await tx.execute(
        """
        INSERT INTO projects (
          id, organization_id, name, slug, environment, state, always_on, latest_job_id,
          max_connections, statement_timeout, idle_transaction_timeout, storage_limit_bytes, created_at, updated_at
        ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            project.id,
            project.organization_id,
            project.name,
            project.slug,
            project.environment,
            project.state.value,
            project.always_on,
            project.latest_job_id,
            project.max_connections,
            to_millis(project.statement_timeout),
            to_millis(project.idle_transaction_timeout),
            project.storage_limit_bytes,
            to_micros(project.created_at),
            to_micros(project.updated_at),
        ),
    )


async def find_project(reads: Reads, project_id: str, *, organization_id: str | None) -> Project | None:
    """The live project with this id, of this organization alone unless that is None."""
    row = await reads.fetch_one(
        SELECT_PROJECTS
        + """
        WHERE projects.id = :id AND projects.deleted_at IS NULL
          AND (:organization IS NULL OR projects.organization_id = :organization)
        """,
        {"id": project_id, "organization": organization_id},
    )
    return None if row is None else project_from_row(row)


async def is_slug_taken(reads: Reads, organization_id: str, slug: str) -> bool:
    """A live project of the organization has it."""
    return (
        await reads.fetch_one(
            "SELECT 1 FROM projects WHERE organization_id = ? AND slug = ? AND deleted_at IS NULL",
            (organization_id, slug),
        )
        is not None
    )


async def list_projects(
    reads: Reads, page: PageRequest, *, organization_id: str | None, project_id: str | None
) -> Page[Project]:
    """Live projects, the oldest first: of one organization, or of all; or one of them alone."""
    # Two statements and not one with `:organization IS NULL OR`: that one could use no index.
    of_organization = "AND projects.organization_id = :organization" if organization_id is not None else ""
    of_project = "AND projects.id = :project" if project_id is not None else ""
    created_at, object_id = page.after or (-1, "")
    rows = await reads.fetch_all(
        SELECT_PROJECTS
        + f"""
        WHERE projects.deleted_at IS NULL {of_organization} {of_project}
          AND (projects.created_at, projects.id) > (:created_at, :id)
        ORDER BY projects.created_at, projects.id LIMIT :limit
        """,
        {
            "organization": organization_id,
            "project": project_id,
            "created_at": created_at,
            "id": object_id,
            "limit": page.size + 1,
        },
    )
    return to_page(rows, page, project_from_row)


async def list_live_projects(reads: Reads) -> list[Project]:
    """Every project that is not deleted."""
    rows = await reads.fetch_all(SELECT_PROJECTS + "WHERE projects.deleted_at IS NULL")
    return [project_from_row(row) for row in rows]


async def list_live_projects_of_organization(reads: Reads, organization_id: str) -> list[Project]:
    """The organization's that are not deleted, the oldest first."""
    rows = await reads.fetch_all(
        SELECT_PROJECTS
        + """
        WHERE projects.deleted_at IS NULL AND projects.organization_id = ? ORDER BY projects.created_at, projects.id
        """,
        (organization_id,),
    )
    return [project_from_row(row) for row in rows]


async def update_project_settings(
    tx: Transaction,
    project_id: str,
    *,
    name: str,
    environment: str,
    always_on: bool,
    max_connections: int,
    statement_timeout: timedelta,
    idle_transaction_timeout: timedelta,
    now: datetime,
) -> None:
    """Store the desired values."""
    await tx.execute(
        """
        UPDATE projects SET name = ?, environment = ?, always_on = ?, max_connections = ?, statement_timeout = ?,
          idle_transaction_timeout = ?, updated_at = ?
        WHERE id = ?
        """,
        (
            name,
            environment,
            always_on,
            max_connections,
            to_millis(statement_timeout),
            to_millis(idle_transaction_timeout),
            to_micros(now),
            project_id,
        ),
    )


async def update_project_job(tx: Transaction, project_id: str, *, latest_job_id: str, now: datetime) -> None:
    """Name the latest job."""
    await tx.execute(
        "UPDATE projects SET latest_job_id = ?, updated_at = ? WHERE id = ?",
        (latest_job_id, to_micros(now), project_id),
    )


async def update_project_state(
    tx: Transaction, project_id: str, state: ProjectState, *, now: datetime, last_error: str | None = None
) -> None:
    """Move it on. `last_error` replaces the one before."""
    await tx.execute(
        "UPDATE projects SET state = ?, last_error = ?, updated_at = ?, deleted_at = ? WHERE id = ?",
        (
            state.value,
            last_error,
            to_micros(now),
            to_micros(now) if state is ProjectState.DELETED else None,
            project_id,
        ),
    )


async def forget_project_password(tx: Transaction, project_id: str, *, sealed_password: bytes, now: datetime) -> bool:
    """Forget the sealed password, if it is still this one. False: it is another, or none."""
    changed = await tx.execute(
        "UPDATE projects SET sealed_password = NULL, updated_at = ? WHERE id = ? AND sealed_password = ?",
        (to_micros(now), project_id, sealed_password),
    )
    return changed == 1


async def update_project_login(
    tx: Transaction, project_id: str, *, role_name: str, sealed_password: bytes | None, now: datetime
) -> None:
    """Keep the login and the password that are in force."""
    await tx.execute(
        "UPDATE projects SET role_name = ?, sealed_password = ?, updated_at = ? WHERE id = ?",
        (role_name, sealed_password, to_micros(now), project_id),
    )


async def update_project_rotating(tx: Transaction, project_id: str, *, rotating: bool, now: datetime) -> None:
    """Say that its credentials are being rotated, or no more."""
    await tx.execute(
        "UPDATE projects SET rotating = ?, updated_at = ? WHERE id = ? AND rotating <> ?",
        (rotating, to_micros(now), project_id, rotating),
    )


async def update_project_provisioned(
    tx: Transaction,
    project_id: str,
    *,
    database_name: str,
    role_name: str,
    sealed_password: bytes | None,
    now: datetime,
) -> None:
    """Make it `ready`, unless it is being deleted meanwhile."""
    await tx.execute(
        """
        UPDATE projects SET database_name = ?, role_name = ?, sealed_password = ?, last_error = NULL, updated_at = ?,
          state = CASE WHEN state = 'deleting' THEN state ELSE 'ready' END
        WHERE id = ?
        """,
        (database_name, role_name, sealed_password, to_micros(now), project_id),
    )


def project_from_row(row: sqlite3.Row) -> Project:
    """The row as a value."""
    return Project(
        id=row["id"],
        organization_id=row["organization_id"],
        name=row["name"],
        slug=row["slug"],
        environment=row["environment"],
        plan=row["plan"],
        state=ProjectState(row["state"]),
        is_rotating=bool(row["rotating"]),
        always_on=bool(row["always_on"]),
        last_error=row["last_error"],
        latest_job_id=row["latest_job_id"],
        database_name=row["database_name"],
        role_name=row["role_name"],
        sealed_password=row["sealed_password"],
        max_connections=row["max_connections"],
        statement_timeout=from_millis(row["statement_timeout"]),
        idle_transaction_timeout=from_millis(row["idle_transaction_timeout"]),
        storage_limit_bytes=row["storage_limit_bytes"],
        created_at=from_micros(row["created_at"]),
        updated_at=from_micros(row["updated_at"]),
        is_suspended=bool(row["is_suspended"]),
    )
