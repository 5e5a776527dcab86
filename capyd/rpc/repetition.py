"""Requests that carry an id: what makes two of them the same, and what of an answer may be said twice."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from capyd.domain.principals import Principal
from capyd.usecases.idempotency import RepeatedRequests
from capyd.v1 import options_pb2

_FIELD = "request_id"
_CODE = "code"
_ALREADY_SHOWN = "already_shown"


def takes_request_id(method: MethodDescriptor) -> bool:
    """The method is a mutation that its caller may repeat without harm."""
    return _FIELD in method.input_type.fields_by_name


async def answer_once(
    repeated: RepeatedRequests,
    method: MethodDescriptor,
    behaviour: Callable[[Any, Principal], Awaitable[Message]],
    request: Any,
    principal: Principal,
    *,
    when_repeated: Callable[[], None] = lambda: None,
) -> Message:
    """The behaviour's answer; the one given before, where the request's id was seen within 24 hours.

    `when_repeated` is called in that case.

    Raises:
        InvalidError, ConflictError: as `RepeatedRequests.once`, and whatever the behaviour raises.
    """
    if not request.request_id:
        return await behaviour(request, principal)

    async def act() -> tuple[bytes, bytes]:
        answer = await behaviour(request, principal)
        return answer.SerializeToString(), _for_repetition(answer).SerializeToString()

    serialized = await repeated.once(
        principal,
        method=method.full_name,
        request_id=request.request_id,
        fingerprint=_fingerprint(request),
        act=act,
        when_repeated=when_repeated,
    )
    return GetMessageClass(method.output_type).FromString(serialized)


async def answer_plainly(
    behaviour: Callable[[Any, Principal], Awaitable[Message]],
    request: Any,
    principal: Principal,
    *,
    when_repeated: Callable[[], None],  # noqa: ARG001
) -> Message:
    """The behaviour's answer, every time anew."""
    return await behaviour(request, principal)


def _fingerprint(request: Message) -> bytes:
    plain = type(request)()
    plain.CopyFrom(request)
    plain.ClearField(_FIELD)
    return hashlib.sha256(plain.SerializeToString(deterministic=True)).digest()


def _for_repetition(answer: Message) -> Message:
    """The answer without what is shown once."""
    secrets = [
        field.name for field in answer.DESCRIPTOR.fields if field.GetOptions().Extensions[options_pb2.field].shown_once
    ]
    if not secrets:
        return answer
    copy = type(answer)()
    copy.CopyFrom(answer)
    for name in secrets:
        copy.ClearField(name)
    setattr(copy, _CODE, _ALREADY_SHOWN)
    return copy
