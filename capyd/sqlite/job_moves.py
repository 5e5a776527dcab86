"""How a job moves from state to state: one guarded UPDATE a move.

`WHERE state = 'running' AND claimed_by = <boot>` keeps a daemon that was declared dead from ending a job that its
successor has taken back.
"""

import json
from datetime import datetime, timedelta

from capyd.domain.jobs import Job
from capyd.sqlite.columns import from_micros, to_micros
from capyd.sqlite.database import Reads, Transaction
from capyd.sqlite.jobs import job_from_row


async def start_due_jobs(tx: Transaction, *, boot_id: str, free: dict[str, int], now: datetime) -> list[Job]:
    """Claim what is due: of each type as many as `free` says, of each resource its first open job alone."""
    rows = await tx.fetch_all(
        """
        UPDATE jobs SET state = 'running', attempts = attempts + 1, waiting = 0, claimed_by = :boot,
          claimed_at = :now, started_at = coalesce(started_at, :now), updated_at = :now
        WHERE id IN (
          SELECT id FROM (
            SELECT due.id, due.position, free.value AS free,
              row_number() OVER (PARTITION BY due.type ORDER BY due.position) AS place
            FROM jobs AS due JOIN json_each(:free) AS free ON free.key = due.type
            WHERE due.state = 'pending' AND due.held = 0 AND due.run_after <= :now
              AND NOT EXISTS (
                SELECT 1 FROM jobs AS earlier
                WHERE earlier.locked_resource = due.locked_resource AND earlier.state IN ('pending', 'running')
                  AND (earlier.state = 'running' OR (
                    earlier.position < due.position AND (earlier.scheduled = 0 OR earlier.run_after <= :now)
                  ))
              )
          )
          WHERE place <= free
        )
        RETURNING *
        """,
        {"boot": boot_id, "now": to_micros(now), "free": json.dumps(free)},
    )
    return sorted((job_from_row(row) for row in rows), key=lambda job: job.created_at)


async def find_next_due(reads: Reads, *, now: datetime) -> datetime | None:
    """When the next job that waits for a moment after `now` is due."""
    row = await reads.fetch_one(
        "SELECT min(run_after) AS moment FROM jobs WHERE state = 'pending' AND held = 0 AND run_after > ?",
        (to_micros(now),),
    )
    return None if row is None or row["moment"] is None else from_micros(row["moment"])


async def complete_job(tx: Transaction, job: Job, *, journal: str, now: datetime) -> bool:
    """running -> completed. False: it is not this daemon's any more."""
    changed = await tx.execute(
        """
        UPDATE jobs SET state = 'completed', completed_at = :now, updated_at = :now, error = NULL,
          last_exit_code = 0, last_stdout = :journal, last_stderr = NULL
        WHERE id = :id AND state = 'running' AND claimed_by = :boot
        """,
        {"id": job.id, "boot": job.claimed_by, "journal": journal, "now": to_micros(now)},
    )
    return changed == 1


async def fail_job(
    tx: Transaction, job: Job, *, error: str, detail: str, classification: str, journal: str, now: datetime
) -> bool:
    """running -> failed. False: it is not this daemon's any more."""
    changed = await tx.execute(
        """
        UPDATE jobs SET state = 'failed', completed_at = :now, updated_at = :now, error = :error,
          last_exit_code = 1, last_stdout = :journal, last_stderr = :detail, retry_classification = :classification
        WHERE id = :id AND state = 'running' AND claimed_by = :boot
        """,
        {
            "id": job.id,
            "boot": job.claimed_by,
            "error": error,
            "detail": detail,
            "classification": classification,
            "journal": journal,
            "now": to_micros(now),
        },
    )
    return changed == 1


async def retry_job(
    tx: Transaction,
    job: Job,
    *,
    error: str,
    detail: str,
    journal: str,
    delay: timedelta,
    waiting: bool,
    now: datetime,
) -> bool:
    """running -> pending, due after `delay`. `waiting`: for a server, so that this attempt does not count."""
    changed = await tx.execute(
        """
        UPDATE jobs SET state = 'pending', run_after = :run_after, waiting = :waiting, attempts = attempts - :waiting,
          updated_at = :now, error = :error, last_exit_code = 1, last_stdout = :journal, last_stderr = :detail,
          retry_classification = 'transient'
        WHERE id = :id AND state = 'running' AND claimed_by = :boot
        """,
        {
            "id": job.id,
            "boot": job.claimed_by,
            "error": error,
            "detail": detail,
            "journal": journal,
            "run_after": to_micros(now + delay),
            "waiting": waiting,
            "now": to_micros(now),
        },
    )
    return changed == 1


async def take_back_running_jobs(tx: Transaction, *, claimed_by: str | None, now: datetime) -> int:
    """running -> pending for the jobs of one boot, or of all: whoever ran them is gone. The attempt does not count."""
    return await tx.execute(
        """
        UPDATE jobs SET state = 'pending', run_after = :now, attempts = attempts - 1, updated_at = :now
        WHERE state = 'running' AND (:boot IS NULL OR claimed_by = :boot)
        """,
        {"boot": claimed_by, "now": to_micros(now)},
    )


async def fail_pending_job(tx: Transaction, job_id: str, *, error: str, now: datetime) -> bool:
    """pending -> failed. False: it is not pending any more."""
    changed = await tx.execute(
        """
        UPDATE jobs SET state = 'failed', completed_at = :now, updated_at = :now, error = :error,
          retry_classification = 'permanent'
        WHERE id = :id AND state = 'pending'
        """,
        {"id": job_id, "error": error, "now": to_micros(now)},
    )
    return changed == 1


async def mark_job_cancelled(tx: Transaction, job_id: str, *, cancelled_by: str, now: datetime) -> None:
    """Say that a running job is to end before its next step, whichever daemon runs that."""
    await tx.execute(
        "UPDATE jobs SET cancelled_by = coalesce(cancelled_by, ?), updated_at = ? WHERE id = ? AND state = 'running'",
        (cancelled_by, to_micros(now), job_id),
    )


async def supersede_pending_jobs(tx: Transaction, locked_resource: str, *, error: str, now: datetime) -> list[str]:
    """pending -> failed for all of a resource; their ids."""
    rows = await tx.fetch_all(
        """
        UPDATE jobs SET state = 'failed', completed_at = :now, updated_at = :now, error = :error,
          retry_classification = 'permanent'
        WHERE locked_resource = :resource AND state = 'pending'
        RETURNING id
        """,
        {"resource": locked_resource, "error": error, "now": to_micros(now)},
    )
    return [row["id"] for row in rows]


async def hold_pending_jobs(tx: Transaction, locked_resource: str, *, held: bool) -> None:
    """Keep the pending jobs of a resource from being started, or release them."""
    await tx.execute(
        "UPDATE jobs SET held = ? WHERE locked_resource = ? AND state = 'pending'", (held, locked_resource)
    )


async def wake_waiting_jobs(tx: Transaction, *, now: datetime) -> int:
    """Make due at once what waits for a server."""
    return await tx.execute(
        "UPDATE jobs SET run_after = :now WHERE state = 'pending' AND waiting = 1 AND run_after > :now",
        {"now": to_micros(now)},
    )


async def delete_final_jobs(tx: Transaction, *, completed_before: datetime, limit: int) -> int:
    """Forget finished jobs, the oldest first, but for those that a live project names as its latest."""
    return await tx.execute(
        """
        DELETE FROM jobs WHERE id IN (
          SELECT id FROM jobs
          WHERE state IN ('completed', 'failed') AND completed_at < :before
            AND id NOT IN (SELECT latest_job_id FROM projects WHERE deleted_at IS NULL)
          ORDER BY completed_at LIMIT :limit
        )
        """,
        {"before": to_micros(completed_before), "limit": limit},
    )
