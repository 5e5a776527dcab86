"""Audit events: who did what to which object, and how each is chained to the one before it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

ACCEPTED: Final = "accepted"
REPEATED: Final = "repeated"
"""The answer to an earlier request was given again: nothing was changed."""

STATE_REBUILT: Final = "state.rebuild"
STATE_RESTORED: Final = "state.restore"
LOST_FROM: Final = "lost_from"
LOST_TO: Final = "lost_to"
"""In the metadata of these two: the sequences that were lost with the old state file."""


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The newest audit event of a chain: whatever follows has its hash."""

    sequence: int
    hash: bytes


EMPTY_CHAIN: Final = ChainHead(0, bytes(32))


@dataclass(frozen=True, slots=True)
class NewAuditEvent:
    """An audit event about to be written. Nothing in it is secret."""

    action: str
    """Such as `project.create`."""
    actor_kind: str = "daemon"
    """`api_key`, `user`, `administrator`, `fleet`, `daemon` or `anonymous`."""
    actor_id: str | None = None
    auth_source: str = "none"
    """How the actor was told, as in a principal."""
    outcome: str = ACCEPTED
    """`accepted`, `repeated`, or the code of the error that refused it."""
    target_kind: str | None = None
    target_id: str | None = None
    organization_id: str | None = None
    project_id: str | None = None
    address: str | None = None
    """The client's, as far as it is known."""
    request_id: str | None = None
    metadata: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """An audit event as the state has it."""

    sequence: int
    id: str
    created_at: datetime
    actor_kind: str
    actor_id: str | None
    auth_source: str
    action: str
    outcome: str
    target_kind: str | None
    target_id: str | None
    organization_id: str | None
    project_id: str | None
    address: str | None
    request_id: str | None
    metadata: Mapping[str, str]
    previous_hash: bytes
    hash: bytes

    @property
    def head(self) -> ChainHead:
        """It as the end of the chain."""
        return ChainHead(self.sequence, self.hash)


def chain_hash(event: AuditEvent) -> bytes:
    """SHA-256 of the event's canonical form: a JSON array of every field but the hash itself, in this order.

    Moments are as `audit_moment` writes them, hashes in hexadecimal, an absent value is null, the metadata's keys are
    sorted, there is no space between tokens, and the text is UTF-8. Whoever has an export can compute it anew.
    """
    values = [
        event.sequence,
        event.id,
        audit_moment(event.created_at),
        event.actor_kind,
        event.actor_id,
        event.auth_source,
        event.action,
        event.outcome,
        event.target_kind,
        event.target_id,
        event.organization_id,
        event.project_id,
        event.address,
        event.request_id,
        dict(sorted(event.metadata.items())),
        event.previous_hash.hex(),
    ]
    return hashlib.sha256(json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()).digest()


def audit_moment(moment: datetime) -> str:
    """`2026-11-24T08:30:00.000000Z`: in UTC, always with microseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def lost_range(event: AuditEvent) -> tuple[int, int] | None:
    """The sequences that were lost before this event, which says that the state file is a new one; None: none were."""
    if event.action not in (STATE_REBUILT, STATE_RESTORED) or LOST_FROM not in event.metadata:
        return None
    return int(event.metadata[LOST_FROM]), int(event.metadata[LOST_TO])
