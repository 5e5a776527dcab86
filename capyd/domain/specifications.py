"""A project's specification: what the ledger keeps of it, as JSON values, so that a lost state file can be rebuilt."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from capyd.domain.projects import Project, ProjectState

Specification = Mapping[str, Any]
"""JSON values, by name."""

_MILLISECOND = timedelta(milliseconds=1)


def to_specification(project: Project) -> dict[str, Any]:
    """The desired values of the project."""
    return {
        "name": project.name,
        "slug": project.slug,
        "environment": project.environment,
        "plan": project.plan,
        "always_on": project.always_on,
        "max_connections": project.max_connections,
        "statement_timeout_ms": project.statement_timeout // _MILLISECOND,
        "idle_transaction_timeout_ms": project.idle_transaction_timeout // _MILLISECOND,
        "storage_limit_bytes": project.storage_limit_bytes,
        "suspended": project.is_suspended,
        "created_at": project.created_at.isoformat(),
    }


def from_specification(
    specification: Specification,
    *,
    project_id: str,
    organization_id: str,
    state: ProjectState,
    last_error: str | None,
    updated_at: datetime,
) -> Project:
    """The project without what only its tenant and its jobs say: no database, no password, no latest job."""
    return Project(
        id=project_id,
        organization_id=organization_id,
        name=specification["name"],
        slug=specification["slug"],
        environment=specification["environment"],
        plan=specification["plan"],
        state=state,
        is_rotating=False,
        always_on=specification["always_on"],
        last_error=last_error,
        latest_job_id="",
        database_name=None,
        role_name=None,
        sealed_password=None,
        max_connections=specification["max_connections"],
        statement_timeout=specification["statement_timeout_ms"] * _MILLISECOND,
        idle_transaction_timeout=specification["idle_transaction_timeout_ms"] * _MILLISECOND,
        storage_limit_bytes=specification["storage_limit_bytes"],
        created_at=datetime.fromisoformat(specification["created_at"]),
        updated_at=updated_at,
    )
