"""Audit events as messages of the wire, and back."""

from datetime import UTC

from capyd.domain.audit import AuditEvent
from capyd.rpc.messages import to_timestamp
from capyd.v1 import audit_pb2 as pb


def to_audit_event(event: AuditEvent) -> pb.AuditEvent:
    """As an organization sees it."""
    beside = {
        "outcome": event.outcome,
        "target_kind": event.target_kind,
        "target_id": event.target_id,
        "address": event.address,
        "request_id": event.request_id,
    }
    return pb.AuditEvent(
        id=event.id,
        organization_id=event.organization_id,
        project_id=event.project_id,
        action=event.action,
        actor_kind=event.actor_kind,
        actor_id=event.actor_id,
        metadata={**event.metadata, **{name: value for name, value in beside.items() if value is not None}},
        created_at=to_timestamp(event.created_at),
    )


def to_audit_record(event: AuditEvent) -> pb.AuditRecord:
    """Whole."""
    return pb.AuditRecord(
        sequence=event.sequence,
        id=event.id,
        created_at=to_timestamp(event.created_at),
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
        metadata=event.metadata,
        previous_hash=event.previous_hash,
        hash=event.hash,
    )


def from_audit_record(record: pb.AuditRecord) -> AuditEvent:
    """The value again, as it was written."""
    return AuditEvent(
        sequence=record.sequence,
        id=record.id,
        created_at=record.created_at.ToDatetime(tzinfo=UTC),
        actor_kind=record.actor_kind,
        actor_id=record.actor_id if record.HasField("actor_id") else None,
        auth_source=record.auth_source,
        action=record.action,
        outcome=record.outcome,
        target_kind=record.target_kind if record.HasField("target_kind") else None,
        target_id=record.target_id if record.HasField("target_id") else None,
        organization_id=record.organization_id if record.HasField("organization_id") else None,
        project_id=record.project_id if record.HasField("project_id") else None,
        address=record.address if record.HasField("address") else None,
        request_id=record.request_id if record.HasField("request_id") else None,
        metadata=dict(record.metadata),
        previous_hash=record.previous_hash,
        hash=record.hash,
    )
