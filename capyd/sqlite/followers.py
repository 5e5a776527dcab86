"""The projects that follow a change of their organization: thousands of them in a few statements."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from capyd.domain.projects import Project
from capyd.sqlite.columns import to_micros, to_millis
from capyd.sqlite.database import Reads, Transaction
from capyd.sqlite.projects import SELECT_PROJECTS, project_from_row


async def list_followers(reads: Reads, organization_id: str) -> list[Project]:
    """The organization's live projects but for those that are being deleted."""
    rows = await reads.fetch_all(
        SELECT_PROJECTS
        + "WHERE projects.organization_id = ? AND projects.deleted_at IS NULL AND projects.state <> 'deleting'",
        (organization_id,),
    )
    return [project_from_row(row) for row in rows]


async def update_ceilings(tx: Transaction, projects: Iterable[Project], *, now: datetime) -> None:
    """Store the limits of these projects, as they are in the values."""
    values = [
        {
            "id": project.id,
            "connections": project.max_connections,
            "statement": to_millis(project.statement_timeout),
            "idle": to_millis(project.idle_transaction_timeout),
            "storage": project.storage_limit_bytes,
        }
        for project in projects
    ]
    await tx.execute(
        """
        UPDATE projects SET max_connections = wanted.value ->> 'connections',
          statement_timeout = wanted.value ->> 'statement', idle_transaction_timeout = wanted.value ->> 'idle',
          storage_limit_bytes = wanted.value ->> 'storage', updated_at = ?
        FROM json_each(?) AS wanted WHERE projects.id = wanted.value ->> 'id'
        """,
        (to_micros(now), json.dumps(values)),
    )


async def insert_following_jobs(
    tx: Transaction, job_type: str, job_ids: Mapping[str, str], *, max_attempts: int, now: datetime
) -> None:
    """Accept a job for each project, behind its open ones, and name it as the project's latest.

    `job_ids`: of the new jobs, by project. Behind a failed provisioning a job is held until that has been retried.
    """
    parameters = {"ids": json.dumps(job_ids), "type": job_type, "max_attempts": max_attempts, "now": to_micros(now)}
    await tx.execute(
        """
        INSERT INTO jobs (
          id, type, state, project_id, organization_id, arguments, locked_resource, held, max_attempts,
          run_after, created_at, updated_at, position
        )
        SELECT new.value, :type, 'pending', projects.id, projects.organization_id, '{}', 'project:' || projects.id,
          projects.state = 'failed', :max_attempts, :now, :now, :now,
          max(:now, coalesce((
            SELECT max(position) + 1 FROM jobs
            WHERE locked_resource = 'project:' || projects.id AND state IN ('pending', 'running')
          ), :now))
        FROM json_each(:ids) AS new JOIN projects ON projects.id = new.key
        """,
        parameters,
    )
    await tx.execute(
        """
        UPDATE projects SET latest_job_id = new.value, updated_at = :now
        FROM json_each(:ids) AS new WHERE projects.id = new.key
        """,
        parameters,
    )
