"""Makes gRPC handlers out of a servicer: who is calling, whether that one may, the call, and one log line."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import grpc
import structlog
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import status_pb2
from grpc_status import rpc_status

from capyd.domain.access import AccessRule, authorize
from capyd.domain.callers import ANYBODY, Caller
from capyd.domain.errors import CapydError, InvalidError, UnauthenticatedError
from capyd.domain.ids import new_id
from capyd.domain.principals import Principal
from capyd.rpc.access_rules import access_rule
from capyd.rpc.auditor import Act, Auditor
from capyd.rpc.callers import client_address, read_request_id
from capyd.rpc.errors import grpc_code, internal_status, to_status
from capyd.rpc.repetition import answer_once, answer_plainly, takes_request_id
from capyd.rpc.trust import TrustPolicy
from capyd.runtime.logs import get_logger
from capyd.runtime.observation import observed
from capyd.runtime.tracing import tracing
from capyd.usecases.audit import AuditTrail
from capyd.usecases.idempotency import RepeatedRequests
from capyd.v1.jobs_pb2 import Job
from capyd.v1.projects_pb2 import Project

logger = get_logger(__name__)

Unary = Callable[[Any, Caller], Awaitable[Message]]
Streaming = Callable[[Any, Principal], AsyncGenerator[Message, None]]
Context = grpc.aio.ServicerContext[Any, Any]


def service_handler(
    descriptor: ServiceDescriptor,
    servicer: object,
    *,
    trust: TrustPolicy,
    repeated: RepeatedRequests,
    trail: AuditTrail,
) -> grpc.GenericRpcHandler:
    """The handler of a whole service behind one trust policy.

    The servicer has, for each method of the descriptor, one of the same name that takes the request and the
    principal.

    Raises:
        UndeclaredAccessError: a method declares no access.
        AttributeError: the servicer lacks a method.
    """
    return grpc.method_handlers_generic_handler(
        descriptor.full_name,
        {
            method.name: _method_handler(method, getattr(servicer, method.name), trust, repeated, trail)
            for method in descriptor.methods
        },
    )


def _method_handler(
    method: MethodDescriptor,
    behaviour: Callable[..., Any],
    trust: TrustPolicy,
    repeated: RepeatedRequests,
    trail: AuditTrail,
) -> "grpc.RpcMethodHandler[Any, Any]":
    rule = access_rule(method)
    auditor = Auditor(method, trail)
    call = _Call(method, rule, trust, auditor)
    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(call.streaming(behaviour), None, _serialize)
    if takes_request_id(method):
        act: Act = partial(answer_once, repeated, method, behaviour)
    else:
        act = partial(answer_plainly, behaviour)
    audited = partial(auditor.call, act)
    # No deserializer: what cannot be read is refused as whatever else is wrong, by us and not by gRPC (as INTERNAL).
    return grpc.unary_unary_rpc_method_handler(call.unary(audited), None, _serialize)


def _serialize(answer: Message) -> bytes:
    return answer.SerializeToString()


class _Call:
    """What surrounds every call of one method."""

    def __init__(self, method: MethodDescriptor, rule: AccessRule, trust: TrustPolicy, auditor: Auditor) -> None:
        self._name = f"{method.containing_service.name}/{method.name}"
        self._rule = rule
        self._trust = trust
        self._auditor = auditor
        self._request_class = GetMessageClass(method.input_type)
        fields = method.output_type.fields_by_name if takes_request_id(method) else {}
        self._makes = next((name for name in ("job", "project") if name in fields), None)

    def unary(self, behaviour: Unary) -> Callable[[bytes, Context], Awaitable[Message]]:
        """The behaviour, guarded, of a request as it was sent."""

        async def guarded(sent: bytes, context: Context) -> Message:
            metadata, caller = self._begin(context)
            request = self._request_class()
            started = time.monotonic()
            with tracing.span(self._name, kind="server", parent=metadata):
                try:
                    caller = await self._identify(caller, metadata, context)
                    # Read first: a refusal is written down with what it was about.
                    request = self._read(sent)
                    authorize(caller.principal, self._rule)
                    answer = await behaviour(request, caller)
                except (Exception, asyncio.CancelledError) as error:
                    await self._auditor.refused(caller, request, error)
                    await self._refuse(context, error, started)
                self._log("OK", started, **self._accepted(answer))
            return answer

        return guarded

    def streaming(self, behaviour: Streaming) -> Callable[[bytes, Context], AsyncIterator[Message]]:
        """The behaviour, guarded, of a request as it was sent."""

        async def guarded(sent: bytes, context: Context) -> AsyncIterator[Message]:
            metadata, caller = self._begin(context)
            request = self._request_class()
            started = time.monotonic()
            try:
                caller = await self._identify(caller, metadata, context)
                request = self._read(sent)
                authorize(caller.principal, self._rule)
                # Whoever goes away is let go of at once, with all that was held for it.
                async with contextlib.aclosing(behaviour(request, caller.principal)) as answers:
                    async for answer in answers:
                        yield answer
            except (Exception, asyncio.CancelledError) as error:
                await self._auditor.refused(caller, request, error)
                await self._refuse(context, error, started)
            self._log("OK", started)

        return guarded

    def _begin(self, context: Context) -> tuple[Mapping[str, str], Caller]:
        """The call's metadata, and its caller before anybody knows who. Its id is in every log line from here."""
        metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        request_id = read_request_id(metadata) or new_id("req")
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        address = client_address(metadata, context.peer(), behind_gateway=self._trust.is_behind_gateway)
        return metadata, Caller(ANYBODY, address, request_id)

    async def _identify(self, caller: Caller, metadata: Mapping[str, str], context: Context) -> Caller:
        try:
            return replace(
                caller, principal=await self._trust.principal(metadata, context.auth_context(), caller.address)
            )
        except UnauthenticatedError:
            if not self._rule.public:
                raise
            return caller

    def _read(self, sent: bytes) -> Message:
        try:
            return self._request_class.FromString(sent)
        except DecodeError:
            raise InvalidError(
                f"the request is no {self._request_class.DESCRIPTOR.full_name}: bytes in its form, texts in UTF-8"
            ) from None

    async def _refuse(self, context: Context, error: BaseException, started: float) -> None:
        """Answer with the error's status, and always raise: `abort` does."""
        status: status_pb2.Status
        if isinstance(error, asyncio.CancelledError):
            self._log("CANCELLED", started)
            raise error
        if isinstance(error, CapydError):
            status = to_status(error)
            self._log(grpc_code(status).name, started, reason=error.code)
        else:
            logger.error("rpc.defect", method=self._name, exc_info=error)
            status = internal_status()
            self._log("INTERNAL", started)
        await context.abort_with_status(rpc_status.to_status(status))

    def _accepted(self, answer: Message) -> dict[str, str]:
        """The job that the call made, and its project: what joins this line with the job's own."""
        match self._makes:
            case "job":
                job: Job = answer.job  # type: ignore[attr-defined]
                return {"job_id": job.id, "project_id": job.project_id}
            case "project":
                project: Project = answer.project  # type: ignore[attr-defined]
                return {"job_id": project.latest_job_id, "project_id": project.id}
        return {}

    def _log(self, code: str, started: float, **values: str) -> None:
        seconds = time.monotonic() - started
        if observed.request is not None:
            observed.request(self._name, code, seconds)
        tracing.annotate("rpc.code", code)
        milliseconds = round(seconds * 1000, 1)
        logger.info("rpc", method=self._name, code=code, milliseconds=milliseconds, **values)
