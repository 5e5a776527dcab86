"""The state file from a backup, brought up to what the ledger in the cluster has learnt since."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from capyd.config import Settings
from capyd.daemon.ledger_merge import Merged, merge_ledger
from capyd.daemon.offline import NewState, StateError, offline, opened, put, unfinished
from capyd.domain.audit import EMPTY_CHAIN, STATE_RESTORED, NewAuditEvent
from capyd.domain.ids import new_id
from capyd.domain.records import Ledger
from capyd.postgres.ledger_records import find_ledger
from capyd.postgres.preparation import read_system_identifier
from capyd.runtime.clock import Clock
from capyd.sqlite.audit import continue_audit_chain
from capyd.sqlite.counts import count_objects
from capyd.sqlite.database import Database
from capyd.sqlite.events import start_event_stream
from capyd.sqlite.facts import find_fact
from capyd.sqlite.files import CopyError, copy_database
from capyd.sqlite.integrity import check_integrity

_JOB_ERROR = (
    "the state was restored from a backup that had this job still open: it may have been done since, or not;"
    " ask for it again where it was not"
)


async def restore_state(settings: Settings, backup: Path, *, say: Callable[[str], None], clock: Clock) -> NewState:
    """Make the state file from `backup`, which stays as it is. Where the ledger has something newer, that is taken.

    Raises:
        StateError: the backup is another cluster's, or cannot be read, or the cluster does not answer.
        DamagedFileError: the backup is damaged.
        SchemaTooNewError: a newer capyd wrote it.
        StateLockedError, ClusterHeldError: a daemon runs.
        StepError: the ledger cannot be read.
    """
    path = settings.state.path
    async with offline(settings) as connections, unfinished(path) as new:
        system_identifier = await read_system_identifier(connections)
        say(f"copying {backup}")
        await _copy(backup, new)
        await check_integrity(new)
        say("reading the ledger")
        ledger = await find_ledger(connections)
        async with opened(new) as database:
            await _require_cluster(database, backup, system_identifier)
            merged = await _merge(settings, database, ledger, clock=clock)
            async with database.reading() as reads:
                counts = await count_objects(reads)
        set_aside = await put(new, path, clock=clock)
    return NewState(path, set_aside, counts.organizations, counts.projects, counts.api_keys, merged.from_ledger)


async def _copy(backup: Path, new: Path) -> None:
    try:
        await asyncio.to_thread(copy_database, backup, new)
    except CopyError as error:
        raise StateError(f"{backup} cannot be copied: {error}") from error


async def _require_cluster(database: Database, backup: Path, system_identifier: str) -> None:
    async with database.reading() as reads:
        known = await find_fact(reads, "system_identifier")
    if known not in (None, system_identifier):
        raise StateError(
            f"{backup} was made for the cluster with system identifier {known}, and the one that answers has"
            f" {system_identifier}: restore it beside its own cluster"
        )


async def _merge(settings: Settings, database: Database, ledger: Ledger | None, *, clock: Clock) -> Merged:
    merged = Merged(0)
    async with database.transaction() as tx:
        if ledger is not None:  # lost as well: the daemon writes it anew from this file
            merged = await merge_ledger(
                tx, ledger, job_error=_JOB_ERROR, max_attempts=settings.jobs.max_attempts, now=clock()
            )
        noted = EMPTY_CHAIN if ledger is None else ledger.audit_head
        await continue_audit_chain(tx, NewAuditEvent(STATE_RESTORED), noted, now=clock())
        await start_event_stream(tx, new_id("stream"), reason="the state file is that of a backup", now=clock())
    return merged
