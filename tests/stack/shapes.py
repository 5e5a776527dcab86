"""The objects of the public Projects page, field by field, with JSON's types as Python has them."""

import re
from collections.abc import Mapping, Set
from typing import Any

PROJECT: Mapping[str, type] = {
    "cluster_id": str,
    "created_at": str,
    "database_name": str,
    "direct_port": int,
    "environment": str,
    "id": str,
    "idle_transaction_timeout": str,
    "last_error": str,
    "latest_job_id": str,
    "max_connections": int,
    "name": str,
    "organization_id": str,
    "plan": str,
    "pooled_port": int,
    "public_host": str,
    "region": str,
    "role_name": str,
    "slug": str,
    "ssl_mode": str,
    "state": str,
    "statement_timeout": str,
    "storage_limit_bytes": int,
    "updated_at": str,
}
PROJECT_OURS: Mapping[str, type] = {"postgres_version": str, "runtime_status": str, "always_on": bool}
"""What stands beside the page's fields."""

JOB: Mapping[str, type] = {
    "attempts": int,
    "claimed_at": str,
    "claimed_by": str,
    "cluster_id": str,
    "completed_at": str,
    "created_at": str,
    "error": str,
    "id": str,
    "last_exit_code": int,
    "last_stderr": str,
    "last_stdout": str,
    "locked_resource": str,
    "max_attempts": int,
    "organization_id": str,
    "preview_database_id": str,
    "project_id": str,
    "retry_classification": str,
    "started_at": str,
    "state": str,
    "type": str,
    "updated_at": str,
}
EXTENSION: Mapping[str, type] = {
    "default_version": str,
    "description": str,
    "enabled": bool,
    "name": str,
    "trusted": bool,
}
EXTENSION_OURS: Mapping[str, type] = {
    "installed_version": str,
    "available_version": str,
    "update_available": bool,
    "requires_restart": bool,
    "category": str,
}

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")


def check_ready_project(project: Mapping[str, Any]) -> None:
    """Everything but an error that never was."""
    _check(project, {**PROJECT, **PROJECT_OURS}, absent={"last_error"})
    assert project["id"].startswith("prj_")
    assert project["state"] == "ready"
    assert project["role_name"] == project["database_name"]


def check_new_project(project: Mapping[str, Any]) -> None:
    """A project that has no database yet."""
    _check(project, {**PROJECT, **PROJECT_OURS}, absent={"last_error", "database_name", "role_name"})
    assert project["state"] == "provisioning"


def check_new_job(job: Mapping[str, Any], kind: str) -> None:
    """A job that nobody has begun."""
    unknown_yet = {"claimed_at", "claimed_by", "completed_at", "last_exit_code", "last_stdout", "started_at"}
    _check(job, JOB, absent=unknown_yet | {"error", "last_stderr", "preview_database_id", "retry_classification"})
    assert job["id"].startswith("job_")
    assert (job["type"], job["state"], job["attempts"]) == (kind, "pending", 0)


def check_completed_job(job: Mapping[str, Any], kind: str) -> None:
    """A job that went well at once."""
    _check(job, JOB, absent={"error", "last_stderr", "preview_database_id", "retry_classification"})
    assert (job["type"], job["state"], job["last_exit_code"]) == (kind, "completed", 0)
    assert job["locked_resource"] == f"project:{job['project_id']}"
    assert re.fullmatch(r"(.+: done in \d+\.\d ms\n?)+", job["last_stdout"])


def check_extension(extension: Mapping[str, Any]) -> None:
    """One row of the list."""
    absent = set() if extension["enabled"] else {"installed_version"}
    _check(extension, {**EXTENSION, **EXTENSION_OURS}, absent=absent)


def _check(value: Mapping[str, Any], fields: Mapping[str, type], *, absent: Set[str]) -> None:
    assert set(value) == set(fields) - absent
    for name, found in value.items():
        assert type(found) is fields[name], (name, found)  # exactly: True is no integer here
        assert found != "", name
        if name.endswith("_at"):
            assert _RFC_3339.fullmatch(found), (name, found)
