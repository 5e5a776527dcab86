"""`project.rotate_credentials`: another password, or a second login beside the one there is."""

from datetime import datetime, timedelta
from functools import partial

from capyd.domain.ids import new_id
from capyd.domain.jobs import EXPIRE_CREDENTIAL, ROTATE_CREDENTIALS, Job, NewJob
from capyd.domain.projects import Project
from capyd.domain.tenants import Credential, new_login_name
from capyd.host.sealing import Sealer
from capyd.jobs.job_type import Effect
from capyd.jobs.steps import Steps
from capyd.pgbouncer.pooler import Pooler
from capyd.postgres.connections import AdminConnections
from capyd.postgres.rotation import Rotated, add_login, change_password, end_login_sessions
from capyd.provisioning.cluster import ClusterWatch
from capyd.provisioning.credentials import mint_credential
from capyd.provisioning.pooler_sync import PoolerSync
from capyd.provisioning.projects import get_project, require_database_name
from capyd.provisioning.retiring_login import RetiringLogins
from capyd.runtime.clock import Clock
from capyd.sqlite.database import Database, Transaction
from capyd.sqlite.job_moves import fail_pending_job
from capyd.sqlite.jobs import find_open_job, insert_job
from capyd.sqlite.projects import update_project_job, update_project_login, update_project_rotating

GRACE_HOURS = "grace_hours"
"""Argument: for how long the login before goes on working. Absent: the login stays, with a new password."""
LEAKED = "leaked"
"""Argument: somebody else knows the password, so that every session opened with it ends."""


class RotateCredentials:
    """Each door switches at once: PostgreSQL with a commit that the ledger shares, the pooler with a reload.

    In between the two, one password works at one door and one at the other; at no time is there a door that takes
    neither. The pooler's own logins to PostgreSQL do not depend on the password, so that its clients notice nothing.
    """

    name = ROTATE_CREDENTIALS
    concurrency = 8

    def __init__(
        self,
        *,
        database: Database,
        connections: AdminConnections,
        cluster: ClusterWatch,
        pooler: Pooler,
        pooler_sync: PoolerSync,
        retiring_logins: RetiringLogins,
        sealer: Sealer,
        clock: Clock,
    ) -> None:
        self._database = database
        self._connections = connections
        self._cluster = cluster
        self._pooler = pooler
        self._pooler_sync = pooler_sync
        self._retiring_logins = retiring_logins
        self._sealer = sealer
        self._clock = clock

    async def run(self, job: Job, steps: Steps) -> Effect:
        """PostgreSQL and the ledger, then the state, then the pooler; then the end of sessions, where one leaked."""
        project = await get_project(self._database, job)
        database_name = require_database_name(project)
        self._cluster.require()
        # One step, since a job is cancelled between two: what is in force is what the state shows.
        async with steps.step("switch PostgreSQL", seconds=20):
            rotated = await self._switch(job, project, steps)
            await self._note(job, rotated)
        async with steps.step("switch the pooler", seconds=30):
            await self._pooler_sync.sync()
        if LEAKED in job.arguments:
            async with steps.step("end direct sessions", seconds=30):
                await end_login_sessions(self._connections, rotated.login)
            async with steps.step("end pooled sessions", seconds=20):
                await self._pooler.end_clients(database_name)
            await self._retiring_logins.end(project.id, steps)
        return partial(_rotated, job)

    async def fail(self, tx: Transaction, job: Job, error: str, now: datetime) -> None:  # noqa: ARG002  (the job type's form)
        """What PostgreSQL has by then is in force; the pooler is still to learn of it."""
        await update_project_rotating(tx, job.project_id, rotating=False, now=now)
        tx.after_commit(self._pooler_sync.request)

    async def _switch(self, job: Job, project: Project, steps: Steps) -> Rotated:
        if GRACE_HOURS not in job.arguments:
            return await change_password(
                self._connections, project_id=project.id, job_id=job.id, mint=self._mint, note=steps.note
            )
        return await add_login(
            self._connections,
            project_id=project.id,
            job_id=job.id,
            login=new_login_name(),
            mint=self._mint,
            limits=project.limits,
            note=steps.note,
            retires_at=self._clock() + timedelta(hours=int(job.arguments[GRACE_HOURS])),
        )

    def _mint(self, login: str) -> Credential:
        return mint_credential(self._sealer, login=login)

    async def _note(self, job: Job, rotated: Rotated) -> None:
        """Keep what is in force; and accept the end of the login before, unless that was done."""
        now = self._clock()
        async with self._database.transaction() as tx:
            await update_project_login(
                tx, job.project_id, role_name=rotated.login, sealed_password=rotated.sealed_password, now=now
            )
            if GRACE_HOURS in job.arguments and await find_open_job(tx, job.project_id, EXPIRE_CREDENTIAL) is None:
                await accept_expiry(
                    tx,
                    project_id=job.project_id,
                    organization_id=job.organization_id,
                    max_attempts=job.max_attempts,
                    expires_at=now + timedelta(hours=int(job.arguments[GRACE_HOURS])),
                    now=now,
                )


async def accept_expiry(
    tx: Transaction, *, project_id: str, organization_id: str, max_attempts: int, expires_at: datetime, now: datetime
) -> None:
    """Accept the end of the project's retiring login, for the moment at which its time is over."""
    job = NewJob(new_id("job"), EXPIRE_CREDENTIAL, project_id, organization_id, max_attempts, {})
    await insert_job(tx, job, now=now, scheduled_for=expires_at)


async def accept_rotation(tx: Transaction, project: Project, *, max_attempts: int, now: datetime) -> None:
    """Accept a rotation of a ready project that nobody asked for over the wire."""
    job = NewJob(new_id("job"), ROTATE_CREDENTIALS, project.id, project.organization_id, max_attempts, {})
    await insert_job(tx, job, now=now)
    await update_project_job(tx, project.id, latest_job_id=job.id, now=now)
    await update_project_rotating(tx, project.id, rotating=True, now=now)


async def _rotated(job: Job, tx: Transaction, now: datetime) -> None:
    await update_project_rotating(tx, job.project_id, rotating=False, now=now)
    if LEAKED not in job.arguments:
        return
    expiry = await find_open_job(tx, job.project_id, EXPIRE_CREDENTIAL)
    if expiry is not None:
        await fail_pending_job(tx, expiry.id, error="superseded: a later rotation ended the old login", now=now)
