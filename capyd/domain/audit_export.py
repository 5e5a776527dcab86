"""Audit events as lines of JSON: for archives and other programs, and with all that verifying them needs."""

import json
from dataclasses import fields
from datetime import UTC, datetime

from capyd.domain.audit import AuditEvent, audit_moment


class ExportLineError(Exception):
    """A line is no exported audit event. Its text says why."""


def to_export_line(event: AuditEvent) -> str:
    """One line, its values as they stand in the hash's canonical form; the two hashes in hexadecimal."""
    values = {each.name: getattr(event, each.name) for each in fields(event)}
    values["created_at"] = audit_moment(event.created_at)
    values["metadata"] = dict(sorted(event.metadata.items()))
    values["previous_hash"], values["hash"] = event.previous_hash.hex(), event.hash.hex()
    return json.dumps(values, ensure_ascii=False)


def from_export_line(line: str) -> AuditEvent:
    """The event again.

    Raises:
        ExportLineError: it is none.
    """
    try:
        values = json.loads(line)
        return AuditEvent(
            **{
                **values,
                "created_at": datetime.strptime(values["created_at"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC),
                "previous_hash": bytes.fromhex(values["previous_hash"]),
                "hash": bytes.fromhex(values["hash"]),
            }
        )
    except (ValueError, TypeError, KeyError) as error:
        raise ExportLineError(f"not an exported audit event: {line[:80].rstrip()!r}") from error
