"""What the audit trail says of a call: read from the protos, the request and the answer."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message

from capyd.rpc.repetition import takes_request_id
from capyd.usecases.audit import AuditedCall
from capyd.v1 import jobs_pb2, options_pb2

_READS: Final = ("Get", "List", "Watch", "Check")
_LONGEST_VALUE: Final = 200
# They have columns of their own, or say nothing.
_LEFT_OUT: Final = ("request_id", "organization_id", "project_id")


@dataclass(frozen=True, slots=True)
class AuditRule:
    """What one method declares, in its proto option."""

    action: str
    target: str
    when: str
    ahead: bool
    changes_state: bool
    """The change is in the state file, and the row is written in the same transaction."""


def is_mutation(method: MethodDescriptor) -> bool:
    """The method changes something."""
    return not method.name.startswith(_READS)


def audit_rule(method: MethodDescriptor) -> AuditRule | None:
    """The rule that the method declares; a mutation that declares none is written down under its own name."""
    option = method.GetOptions().Extensions[options_pb2.audit]
    action = option.action
    if not action:
        if not is_mutation(method):
            return None
        action = re.sub(r"(?<!^)([A-Z])", r"_\1", method.name).lower()
    return AuditRule(action, option.target, option.when, option.ahead, takes_request_id(method))


def is_written_down(rule: AuditRule, request: Message) -> bool:
    """This very call is."""
    return not rule.when or bool(getattr(request, rule.when))


def describe_call(rule: AuditRule, request: Message, answer: Message | None) -> AuditedCall:
    """What the call was about, and what was asked for; without an answer as yet, as far as the request says."""
    return replace(_about(rule, request, answer), metadata={**_values(rule, request), **_job(answer)})


def describe_refused(rule: AuditRule, request: Message) -> AuditedCall:
    """What the call would have been about. Nothing of the request but its ids is repeated: it was never looked at."""
    return _about(rule, request, None)


def _about(rule: AuditRule, request: Message, answer: Message | None) -> AuditedCall:
    # What was made, or found, knows more of itself than the request did.
    parts = (request,) if answer is None else (*_objects(answer), request)
    return AuditedCall(
        action=rule.action,
        target_kind=rule.action.partition(".")[0] if rule.target else None,
        target_id=_target_id(rule, request, answer),
        organization_id=_first(parts, "organization_id", "Organization"),
        project_id=_first(parts, "project_id", "Project"),
        job_id=_first(parts, "job_id", "Job"),
    )


def _target_id(rule: AuditRule, request: Message, answer: Message | None) -> str | None:
    """The id that the rule's path leads to; None where there is none as yet."""
    value: Any = answer if "." in rule.target else request
    if not rule.target or value is None:
        return None
    for name in rule.target.split("."):
        value = getattr(value, name)
    return _bounded_id(str(value))


def _objects(answer: Message) -> Iterable[Message]:
    """The objects that the answer has at its top: `{project, job}`."""
    return [value for field, value in answer.ListFields() if field.message_type is not None and not field.is_repeated]


def _first(parts: Iterable[Message], field: str, kind: str) -> str | None:
    """The id in the first part that has one, or is the thing itself."""
    for part in parts:
        name = "id" if part.DESCRIPTOR.name == kind else field
        if name in part.DESCRIPTOR.fields_by_name and (found := _bounded_id(getattr(part, name))):
            return found
    return None


def _bounded_id(text: str) -> str | None:
    """An id as it was sent, unless it cannot be one."""
    return text if 0 < len(text) <= 100 and text.isprintable() else None


def _values(rule: AuditRule, request: Message) -> dict[str, str]:
    """What was asked for, a text a field."""
    return {
        field.name: _text(field, value)
        for field, value in request.ListFields()
        if field.name not in (*_LEFT_OUT, rule.target) and not _is_hidden(field)
    }


def _is_hidden(field: FieldDescriptor) -> bool:
    declared = field.GetOptions().Extensions[options_pb2.field]
    return bool(declared.ignored or declared.secret)


def _text(field: FieldDescriptor, value: Any) -> str:
    if field.message_type is not None and field.message_type.full_name == "google.protobuf.Timestamp":
        text = value.ToJsonString()
    elif field.is_repeated:
        text = " ".join(str(each) for each in value)
    elif isinstance(value, bool):
        text = "true" if value else "false"
    else:
        text = str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _job(answer: Message | None) -> dict[str, str]:
    """The job that does it, where there is one."""
    for part in () if answer is None else _objects(answer):
        if isinstance(part, jobs_pb2.Job):
            return {"job_id": part.id}
    return {}
