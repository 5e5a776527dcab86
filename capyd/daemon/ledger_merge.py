"""Brings a state file, a new one or a backup, up to what the ledger knows: of two copies the newer one wins."""

from dataclasses import dataclass, replace
from datetime import datetime

from capyd.domain.ids import new_id
from capyd.domain.rebuilding import rebuilt_organizations, rebuilt_projects
from capyd.domain.records import Ledger
from capyd.provisioning.rotate_credentials import accept_expiry
from capyd.sqlite.carried import put_carried, read_carried
from capyd.sqlite.database import Transaction
from capyd.sqlite.job_rebuilding import settle_jobs
from capyd.sqlite.outbox import enqueue_everything, start_revisions_after
from capyd.sqlite.records import list_revisions, put_api_key, put_organization, put_project


@dataclass(frozen=True, slots=True)
class Merged:
    """How many objects the ledger gave."""

    from_ledger: int


async def merge_ledger(tx: Transaction, ledger: Ledger, *, job_error: str, max_attempts: int, now: datetime) -> Merged:
    """Write into the file what the ledger has newer, or alone; a project's tombstone is newer than its life.

    An equal revision is taken too: a project's record may be the same, and its database meanwhile gone. The file then
    knows the ledger's head, and has everything carried anew. Open jobs end with `job_error` where they may have run.
    """
    known = await list_revisions(tx)
    await start_revisions_after(tx, ledger.head.revision)
    taken = 0
    for organization in rebuilt_organizations(ledger):
        if organization.revision >= known.get(organization.organization.id, 0):
            await put_organization(tx, organization)
            taken += 1
    for record in rebuilt_projects(ledger):
        if record.revision >= known.get(record.project.id, 0):
            await put_project(tx, replace(record, project=replace(record.project, latest_job_id=new_id("job"))))
            taken += 1
    for key in ledger.records.api_keys:
        if key.revision >= known.get(key.key.id, 0):
            await put_api_key(tx, key)
            taken += 1
    await settle_jobs(tx, max_attempts=max_attempts, error=job_error, now=now)
    for project_id, tenant in ledger.tenants.items():
        if tenant.is_claimed and tenant.retiring is not None:
            await accept_expiry(
                tx,
                project_id=project_id,
                organization_id=tenant.project.organization_id,
                max_attempts=max_attempts,
                expires_at=tenant.retiring.retires_at,
                now=now,
            )
    # A ledger that lacks what this file had carried was lost, or is old: the daemon finds that, and mends it.
    if ledger.head.revision >= (await read_carried(tx)).head.revision:
        await put_carried(tx, ledger.head)
    await enqueue_everything(tx)
    return Merged(taken)
