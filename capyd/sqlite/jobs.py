"""The table of jobs, as whoever accepts or reads them sees it. What the engine does to a row is in `job_moves`."""

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime

from capyd.domain.jobs import Job, JobState, NewJob
from capyd.domain.paging import Page, PageRequest
from capyd.runtime.tracing import tracing
from capyd.sqlite.columns import from_micros, from_micros_or_none, to_micros
from capyd.sqlite.database import Reads, Transaction
from capyd.sqlite.pages import to_page


async def insert_job(
    tx: Transaction,
    job: NewJob,
    *,
    now: datetime,
    held: bool = False,
    at_head: bool = False,
    scheduled_for: datetime | None = None,
) -> Job:
    """Accept it: behind all open jobs of its resource, or `at_head` before those that are still pending.

    `scheduled_for`: not before that moment, and until then in the way of no other.
    """
    tracing.job_accepted(job.id)
    rows = await tx.fetch_all(
        """
        INSERT INTO jobs (
          id, type, state, project_id, organization_id, arguments, locked_resource, held, max_attempts, scheduled,
          run_after, created_at, updated_at, position
        )
        SELECT :id, :type, 'pending', :project_id, :organization_id, :arguments, :resource, :held, :max_attempts,
          :scheduled, :run_after, :now, :now,
          CASE WHEN :at_head
            THEN coalesce(min(position) FILTER (WHERE state = 'pending') - 1, :now)
            ELSE max(:now, coalesce(max(position) + 1, :now))
          END
        FROM jobs WHERE locked_resource = :resource AND state IN ('pending', 'running')
        RETURNING *
        """,
        {
            "id": job.id,
            "type": job.type,
            "project_id": job.project_id,
            "organization_id": job.organization_id,
            "arguments": json.dumps(job.arguments),
            "resource": job.locked_resource,
            "held": held,
            "max_attempts": job.max_attempts,
            "at_head": at_head,
            "scheduled": scheduled_for is not None,
            "run_after": to_micros(scheduled_for or now),
            "now": to_micros(now),
        },
    )
    return job_from_row(rows[0])


async def find_job(reads: Reads, job_id: str, *, organization_id: str | None) -> Job | None:
    """The job with this id, of this organization alone unless that is None."""
    row = await reads.fetch_one(
        "SELECT * FROM jobs WHERE id = :id AND (:organization IS NULL OR organization_id = :organization)",
        {"id": job_id, "organization": organization_id},
    )
    return None if row is None else job_from_row(row)


async def find_open_job(reads: Reads, project_id: str, job_type: str) -> Job | None:
    """The project's pending or running job of this type, or None."""
    row = await reads.fetch_one(
        "SELECT * FROM jobs WHERE project_id = ? AND type = ? AND state IN ('pending', 'running') ORDER BY position",
        (project_id, job_type),
    )
    return None if row is None else job_from_row(row)


async def list_open_jobs(reads: Reads, project_id: str) -> list[Job]:
    """The project's pending and running jobs, in the order in which they run."""
    rows = await reads.fetch_all(
        "SELECT * FROM jobs WHERE project_id = ? AND state IN ('pending', 'running') ORDER BY position", (project_id,)
    )
    return [job_from_row(row) for row in rows]


async def list_projects_with_open_jobs(reads: Reads) -> set[str]:
    """The ids of the projects that have a running job or a pending one, but for one that is scheduled for later."""
    rows = await reads.fetch_all(
        """
        SELECT DISTINCT project_id FROM jobs
        WHERE state = 'running' OR (state = 'pending' AND (scheduled = 0 OR started_at IS NOT NULL))
        """
    )
    return {row["project_id"] for row in rows}


async def list_project_jobs(reads: Reads, page: PageRequest, *, project_id: str) -> Page[Job]:
    """The project's jobs, the newest first."""
    created_at, job_id = page.after or (1 << 62, "")
    rows = await reads.fetch_all(
        "SELECT * FROM jobs WHERE project_id = ? AND (created_at, id) < (?, ?) "
        "ORDER BY created_at DESC, id DESC LIMIT ?",
        (project_id, created_at, job_id, page.size + 1),
    )
    return to_page(rows, page, job_from_row)


async def list_jobs(reads: Reads, page: PageRequest, *, states: Sequence[str]) -> Page[Job]:
    """The jobs of all projects, the newest first; in any state when none is named."""
    created_at, job_id = page.after or (1 << 62, "")
    rows = await reads.fetch_all(
        "SELECT * FROM jobs WHERE (created_at, id) < (:created_at, :id) "
        "AND (:states = '[]' OR state IN (SELECT value FROM json_each(:states))) "
        "ORDER BY created_at DESC, id DESC LIMIT :limit",
        {"created_at": created_at, "id": job_id, "states": json.dumps(list(states)), "limit": page.size + 1},
    )
    return to_page(rows, page, job_from_row)


async def count_project_jobs_down_to(reads: Reads, place: tuple[int, str], *, project_id: str) -> int:
    """How many of the project's jobs stand at this place of the list, or before it."""
    row = await reads.fetch_one(
        "SELECT count(*) AS number FROM jobs WHERE project_id = ? AND (created_at, id) >= (?, ?)", (project_id, *place)
    )
    return 0 if row is None else int(row["number"])


async def count_open_jobs(reads: Reads) -> dict[JobState, int]:
    """How many are pending and running."""
    rows = await reads.fetch_all(
        "SELECT state, count(*) AS number FROM jobs WHERE state IN ('pending', 'running') GROUP BY state"
    )
    return {JobState(row["state"]): int(row["number"]) for row in rows}


def job_from_row(row: sqlite3.Row) -> Job:
    """The row as a value."""
    return Job(
        id=row["id"],
        type=row["type"],
        state=JobState(row["state"]),
        project_id=row["project_id"],
        organization_id=row["organization_id"],
        arguments=json.loads(row["arguments"]),
        attempts=row["attempts"],
        max_attempts=row["max_attempts"],
        claimed_by=row["claimed_by"],
        claimed_at=from_micros_or_none(row["claimed_at"]),
        started_at=from_micros_or_none(row["started_at"]),
        completed_at=from_micros_or_none(row["completed_at"]),
        created_at=from_micros(row["created_at"]),
        updated_at=from_micros(row["updated_at"]),
        error=row["error"],
        last_exit_code=row["last_exit_code"],
        last_stdout=row["last_stdout"],
        last_stderr=row["last_stderr"],
        locked_resource=row["locked_resource"],
        retry_classification=row["retry_classification"],
        cancelled_by=row["cancelled_by"],
    )
