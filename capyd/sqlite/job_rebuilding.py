"""Jobs after the state was taken from a backup or from the ledger: what is still to be done, and what is past."""

from datetime import datetime

from capyd.domain.ids import new_id
from capyd.domain.jobs import DELETE, PROVISION, NewJob
from capyd.domain.projects import ProjectState
from capyd.sqlite.columns import to_micros
from capyd.sqlite.database import Transaction
from capyd.sqlite.jobs import insert_job
from capyd.sqlite.projects import update_project_job

# What a project in this state waits for. Both may run again, whatever a lost file knew of their progress.
_OPEN_TYPES = {ProjectState.PROVISIONING: PROVISION, ProjectState.DELETING: DELETE}


async def settle_jobs(tx: Transaction, *, max_attempts: int, error: str, now: datetime) -> None:
    """Make the jobs fit the projects.

    Open ones fail with `error`, since they may have been done already and would be done twice; but for those that
    provision or delete a project which waits for just that, and which are made where there are none. A project whose
    latest job is unknown gets one that is finished, so that its id leads somewhere.
    """
    await tx.execute(
        """
        UPDATE jobs SET state = 'failed', completed_at = :now, updated_at = :now, error = :error,
          retry_classification = 'permanent'
        WHERE state IN ('pending', 'running') AND NOT EXISTS (
          SELECT 1 FROM projects WHERE projects.id = jobs.project_id AND (
            (projects.state = 'provisioning' AND jobs.type = :provision)
            OR (projects.state = 'deleting' AND jobs.type = :delete)
          )
        )
        """,
        {"now": to_micros(now), "error": error, "provision": PROVISION, "delete": DELETE},
    )
    # No rotation is under way any more: what it did is as the ledger has it.
    await tx.execute("UPDATE projects SET rotating = 0 WHERE rotating = 1")
    for state, job_type in _OPEN_TYPES.items():
        await _insert_missing(tx, state, job_type, max_attempts=max_attempts, now=now)
    await _insert_finished(tx, now=now)


async def _insert_missing(
    tx: Transaction, state: ProjectState, job_type: str, *, max_attempts: int, now: datetime
) -> None:
    rows = await tx.fetch_all(
        """
        SELECT id, organization_id FROM projects WHERE state = ? AND NOT EXISTS (
          SELECT 1 FROM jobs
          WHERE jobs.project_id = projects.id AND jobs.type = ? AND jobs.state IN ('pending', 'running')
        )
        """,
        (state.value, job_type),
    )
    for row in rows:
        job = NewJob(new_id("job"), job_type, row["id"], row["organization_id"], max_attempts, {})
        await insert_job(tx, job, now=now)
        await update_project_job(tx, row["id"], latest_job_id=job.id, now=now)


async def _insert_finished(tx: Transaction, *, now: datetime) -> None:
    """Under the id that `put_project` was given, which no client knows: what a lost job did, nobody can say."""
    await tx.execute(
        """
        INSERT INTO jobs (
          id, type, state, project_id, organization_id, arguments, locked_resource, position, run_after,
          max_attempts, completed_at, created_at, updated_at, error, last_stdout
        )
        SELECT latest_job_id, :provision, CASE state WHEN 'failed' THEN 'failed' ELSE 'completed' END, id,
          organization_id, '{}', 'project:' || id, :now, :now, 1, :now, created_at, :now,
          CASE state WHEN 'failed' THEN last_error END,
          'the job itself was lost with the state file; the project is as the ledger has it'
        FROM projects
        WHERE state IN ('ready', 'failed') AND latest_job_id NOT IN (SELECT id FROM jobs)
        """,
        {"provision": PROVISION, "now": to_micros(now)},
    )
