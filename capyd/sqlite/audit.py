"""The table of audit events: written with the change they tell of, and never changed after that."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from capyd.domain.audit import EMPTY_CHAIN, LOST_FROM, LOST_TO, AuditEvent, ChainHead, NewAuditEvent, chain_hash
from capyd.domain.ids import new_id
from capyd.sqlite.columns import from_micros, to_micros
from capyd.sqlite.database import Reads, Transaction


async def insert_audit_event(tx: Transaction, event: NewAuditEvent, *, now: datetime) -> AuditEvent:
    """Write it behind all others, in the caller's transaction."""
    return await _insert_behind(tx, event, await _read_end(tx), now=now)


async def continue_audit_chain(tx: Transaction, event: NewAuditEvent, noted: ChainHead, *, now: datetime) -> AuditEvent:
    """Write the first event of a new state file, whose predecessor's head was `noted` elsewhere.

    What the predecessor had beyond this file's own events is lost, and the event says so; it follows the noted head.
    """
    end = await _read_end(tx)
    if noted.sequence <= end.sequence:
        return await _insert_behind(tx, event, end, now=now)
    lost = {LOST_FROM: end.sequence + 1, LOST_TO: noted.sequence}
    return await _insert_behind(tx, replace(event, metadata={**event.metadata, **lost}), noted, now=now)


async def read_audit_head(reads: Reads) -> ChainHead:
    """The newest event; sequence 0 when there is none."""
    row = await reads.fetch_one("SELECT sequence, hash FROM audit_events ORDER BY sequence DESC LIMIT 1")
    return EMPTY_CHAIN if row is None else ChainHead(row["sequence"], row["hash"])


async def follows_audit_head(reads: Reads, noted: ChainHead) -> bool:
    """The chain has this head in it, or goes on from it (after a state file that was lost). An empty one always is."""
    row = await reads.fetch_one(
        """
        SELECT 1 FROM audit_events
        WHERE (sequence = :sequence AND hash = :hash) OR (sequence = :sequence + 1 AND previous_hash = :hash)
        """,
        {"sequence": noted.sequence, "hash": noted.hash},
    )
    return row is not None or noted.sequence == 0


async def read_newest_audit_sequence(reads: Reads) -> int:
    """The newest sequence that was ever given, whether or not its event is still there."""
    row = await reads.fetch_one("SELECT seq FROM sqlite_sequence WHERE name = 'audit_events'")
    return 0 if row is None else int(row["seq"])


async def list_audit_events(reads: Reads, *, after: int, limit: int) -> Sequence[AuditEvent]:
    """The oldest `limit` events after this sequence, in their order."""
    rows = await reads.fetch_all(
        "SELECT * FROM audit_events WHERE sequence > ? ORDER BY sequence LIMIT ?", (after, limit)
    )
    return [event_from_row(row) for row in rows]


async def list_newest_audit_events(
    reads: Reads, *, before: int, limit: int, project_id: str | None = None, organization_id: str | None = None
) -> Sequence[AuditEvent]:
    """The newest `limit` events before this sequence, the newest first: of one project or organization, or all."""
    of_project = "AND project_id = :project" if project_id is not None else ""
    of_organization = "AND organization_id = :organization" if organization_id is not None else ""
    rows = await reads.fetch_all(
        f"""
        SELECT * FROM audit_events WHERE sequence < :before {of_project} {of_organization}
        ORDER BY sequence DESC LIMIT :limit
        """,  # noqa: S608  (constants of this file)
        {"before": before, "limit": limit, "project": project_id, "organization": organization_id},
    )
    return [event_from_row(row) for row in rows]


async def _read_end(reads: Reads) -> ChainHead:
    """Where the next event goes: a sequence is not given twice, also when its event was deleted by other means."""
    head = await read_audit_head(reads)
    return replace(head, sequence=max(head.sequence, await read_newest_audit_sequence(reads)))


async def _insert_behind(tx: Transaction, event: NewAuditEvent, end: ChainHead, *, now: datetime) -> AuditEvent:
    unhashed = AuditEvent(
        sequence=end.sequence + 1,
        id=new_id("aud"),
        created_at=now,
        actor_kind=event.actor_kind,
        actor_id=event.actor_id,
        auth_source=event.auth_source,
        action=event.action,
        outcome=event.outcome,
        target_kind=event.target_kind,
        target_id=event.target_id,
        organization_id=event.organization_id,
        project_id=event.project_id,
        address=event.address,
        request_id=event.request_id,
        metadata={name: str(value) for name, value in event.metadata.items()},
        previous_hash=end.hash,
        hash=b"",
    )
    written = replace(unhashed, hash=chain_hash(unhashed))
    await tx.execute(
        """
        INSERT INTO audit_events (
          sequence, id, created_at, actor_kind, actor_id, auth_source, action, outcome, target_kind, target_id,
          organization_id, project_id, address, request_id, metadata, previous_hash, hash
        ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            written.sequence,
            written.id,
            to_micros(written.created_at),
            written.actor_kind,
            written.actor_id,
            written.auth_source,
            written.action,
            written.outcome,
            written.target_kind,
            written.target_id,
            written.organization_id,
            written.project_id,
            written.address,
            written.request_id,
            json.dumps(written.metadata, ensure_ascii=False, sort_keys=True),
            written.previous_hash,
            written.hash,
        ),
    )
    return written


def event_from_row(row: sqlite3.Row) -> AuditEvent:
    """The row as a value."""
    return AuditEvent(
        sequence=row["sequence"],
        id=row["id"],
        created_at=from_micros(row["created_at"]),
        actor_kind=row["actor_kind"],
        actor_id=row["actor_id"],
        auth_source=row["auth_source"],
        action=row["action"],
        outcome=row["outcome"],
        target_kind=row["target_kind"],
        target_id=row["target_id"],
        organization_id=row["organization_id"],
        project_id=row["project_id"],
        address=row["address"],
        request_id=row["request_id"],
        metadata=json.loads(row["metadata"]),
        previous_hash=row["previous_hash"],
        hash=row["hash"],
    )
