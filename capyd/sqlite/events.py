"""The table of events. Triggers write those of objects (see the migrations); `insert_event` is for all others."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from capyd.domain.events import STREAM_STARTED, Event, NewEvent
from capyd.sqlite.columns import from_micros, to_micros
from capyd.sqlite.database import Reads, Transaction
from capyd.sqlite.facts import put_fact


@dataclass(frozen=True, slots=True)
class EventStream:
    """Which events there are: those from `oldest` to `newest`; none when `oldest` is beyond `newest`."""

    id: str
    oldest: int
    newest: int
    """The newest sequence that was ever given; 0: none yet."""


async def insert_event(tx: Transaction, event: NewEvent, *, now: datetime) -> int:
    """Write it; returns its sequence."""
    rows = await tx.fetch_all(
        """
        INSERT INTO events (type, organization_id, project_id, job_id, message, details, occurred_at)
        VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING sequence
        """,
        (
            event.type,
            event.organization_id,
            event.project_id,
            event.job_id,
            event.message,
            json.dumps(dict(event.details), ensure_ascii=False),
            to_micros(now),
        ),
    )
    return int(rows[0]["sequence"])


async def list_events(reads: Reads, *, after: int, limit: int) -> Sequence[Event]:
    """The oldest `limit` events after this sequence."""
    rows = await reads.fetch_all("SELECT * FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?", (after, limit))
    return [_event_from_row(row) for row in rows]


async def read_event_stream(reads: Reads) -> EventStream:
    """The stream as it is now. One statement, and so of one moment."""
    row = await reads.fetch_one(
        """
        SELECT facts.value AS id, coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0) AS newest,
          (SELECT min(sequence) FROM events) AS oldest
        FROM facts WHERE facts.name = 'stream_id'
        """
    )
    if row is None:
        raise LookupError("the state file has no stream_id: its migrations make one")
    return EventStream(row["id"], row["newest"] + 1 if row["oldest"] is None else row["oldest"], row["newest"])


async def start_event_stream(tx: Transaction, stream_id: str, *, reason: str, now: datetime) -> None:
    """Begin a new stream, with one event that says why. Whoever followed the old one starts over.

    The old stream's events go: part of them is lost with the old file, and no sequence of theirs means anything here.
    """
    await put_fact(tx, "stream_id", stream_id)
    await tx.execute("DELETE FROM events")
    await insert_event(tx, NewEvent(STREAM_STARTED, message=reason), now=now)


async def prune_events(tx: Transaction, *, before: datetime, keep: int, limit: int) -> int:
    """Delete the oldest events: those before this moment, and those beyond the newest `keep`; at most `limit`.

    Always from the oldest on and up to one that stays, whatever the clock did: what is kept has no gap.
    """
    return await tx.execute(
        """
        DELETE FROM events WHERE sequence < min(
          (SELECT min(sequence) FROM events) + :limit,
          max(
            coalesce(
              (SELECT sequence FROM events WHERE occurred_at >= :before ORDER BY sequence LIMIT 1),
              (SELECT max(sequence) FROM events) + 1
            ),
            (SELECT max(sequence) FROM events) + 1 - :keep
          )
        )
        """,
        {"before": to_micros(before), "keep": keep, "limit": limit},
    )


def _event_from_row(row: sqlite3.Row) -> Event:
    return Event(
        sequence=row["sequence"],
        id=row["id"],
        type=row["type"],
        organization_id=row["organization_id"],
        project_id=row["project_id"],
        job_id=row["job_id"],
        revision=row["revision"],
        message=row["message"],
        details=json.loads(row["details"]),
        occurred_at=from_micros(row["occurred_at"]),
    )
