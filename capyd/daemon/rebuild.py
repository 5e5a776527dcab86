"""A new state file from the ledger in the cluster."""

from collections.abc import Callable

from capyd.config import Settings
from capyd.daemon.ledger_merge import merge_ledger
from capyd.daemon.offline import NewState, StateError, offline, opened, put, unfinished
from capyd.domain.audit import STATE_REBUILT, NewAuditEvent
from capyd.domain.ids import new_id
from capyd.domain.projects import ProjectState
from capyd.postgres.ledger_records import find_ledger
from capyd.postgres.preparation import read_system_identifier
from capyd.provisioning.rotate_credentials import accept_rotation
from capyd.runtime.clock import Clock
from capyd.sqlite.audit import continue_audit_chain
from capyd.sqlite.counts import count_objects
from capyd.sqlite.events import start_event_stream
from capyd.sqlite.facts import put_fact
from capyd.sqlite.projects import list_live_projects


async def rebuild_state(
    settings: Settings, *, say: Callable[[str], None], clock: Clock, rotate_all: bool = False
) -> NewState:
    """Make a state file with every organization, key, project and limit that the ledger knows. Nothing else changes.

    Logins and their passwords are PostgreSQL's, and stay. Finished jobs, kept answers and the moments at which keys
    were last used are gone; what a project waits for (its provisioning, its deletion) is begun again.

    `rotate_all`: accept a new password for every ready project, which the daemon makes when it starts: what there is
    to do where the encryption key is lost, and with it the passwords.

    Raises:
        StateError: the cluster does not answer, or has no ledger.
        StateLockedError, ClusterHeldError: a daemon runs.
        StepError: the ledger cannot be read.
    """
    path = settings.state.path
    async with offline(settings) as connections, unfinished(path) as new:
        system_identifier = await read_system_identifier(connections)
        say("reading the ledger")
        ledger = await find_ledger(connections)
        if ledger is None or ledger.head.mark is None:
            raise StateError(
                "this cluster has no ledger to rebuild the state from, or one that nothing was ever written to:"
                " take a backup with capyd restore-state; for a new installation, start the daemon"
            )
        say(f"writing {len(ledger.records.projects)} projects and {len(ledger.records.api_keys)} keys")
        async with opened(new) as database:
            async with database.transaction() as tx:
                await put_fact(tx, "cluster_id", settings.cluster.id)
                await put_fact(tx, "system_identifier", system_identifier)
                merged = await merge_ledger(
                    tx,
                    ledger,
                    job_error="the state was rebuilt",
                    max_attempts=settings.jobs.max_attempts,
                    now=clock(),
                )
                if rotate_all:
                    for project in await list_live_projects(tx):
                        if project.state is ProjectState.READY:
                            await accept_rotation(tx, project, max_attempts=settings.jobs.max_attempts, now=clock())
                await continue_audit_chain(tx, NewAuditEvent(STATE_REBUILT), ledger.audit_head, now=clock())
                await start_event_stream(tx, new_id("stream"), reason="the state file was rebuilt", now=clock())
            async with database.reading() as reads:
                counts = await count_objects(reads)
        set_aside = await put(new, path, clock=clock)
    return NewState(path, set_aside, counts.organizations, counts.projects, counts.api_keys, merged.from_ledger)
