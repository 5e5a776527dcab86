"""A daemon that is real gRPC on a real socket, and says what a test tells it to."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as PackedAny
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health as health_v1
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from capyd.v1 import (
    audit_pb2_grpc,
    cluster_pb2_grpc,
    extensions_pb2_grpc,
    jobs_pb2_grpc,
    organizations_pb2,
    organizations_pb2_grpc,
    projects_pb2_grpc,
)

GOOD_TOKEN = "capy_live_good"
PUBLIC = {"GetStatus"}


@dataclass(frozen=True)
class Refusal:
    """An error as the daemon sends it: with details when it has a reason, bare when it has none."""

    code: grpc.StatusCode
    message: str = "a sentence of the daemon's own"
    reason: str | None = "a_reason"
    field: str | None = None
    retry_delay: Duration | None = None

    async def send(self, context: grpc.aio.ServicerContext) -> None:
        if self.reason is None:
            await context.abort(self.code, self.message)
        details = [error_details_pb2.ErrorInfo(reason=self.reason, domain="capyd")]
        if self.field is not None:
            violation = error_details_pb2.BadRequest.FieldViolation(field=self.field, description=self.message)
            details.append(error_details_pb2.BadRequest(field_violations=[violation]))
        if self.retry_delay is not None:
            details.append(error_details_pb2.RetryInfo(retry_delay=self.retry_delay))
        packed = []
        for detail in details:
            packed.append(PackedAny())
            packed[-1].Pack(detail)
        status = status_pb2.Status(code=self.code.value[0], message=self.message, details=packed)
        await context.abort_with_status(rpc_status.to_status(status))


@dataclass
class Seen:
    """One call that reached the daemon."""

    method: str
    request: Any
    metadata: dict[str, str]
    seconds_left: float | None


@dataclass
class FakeDaemon:
    """Answers a method with what `answers` holds: a message, a Refusal, or an (async) function of the request."""

    socket: Path
    answers: dict[str, Any] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    health: Any = field(default_factory=health_v1.aio.HealthServicer)
    server: grpc.aio.Server | None = None

    @property
    def target(self) -> str:
        return f"unix:{self.socket}"

    @property
    def calls(self) -> list[str]:
        return [seen.method for seen in self.seen]

    async def start(self) -> None:
        self.server = grpc.aio.server()
        servicer: Any = _Servicer(self)
        projects_pb2_grpc.add_ProjectServiceServicer_to_server(servicer, self.server)
        extensions_pb2_grpc.add_ExtensionServiceServicer_to_server(servicer, self.server)
        jobs_pb2_grpc.add_JobServiceServicer_to_server(servicer, self.server)
        organizations_pb2_grpc.add_OrganizationServiceServicer_to_server(servicer, self.server)
        audit_pb2_grpc.add_AuditServiceServicer_to_server(servicer, self.server)
        cluster_pb2_grpc.add_ClusterServiceServicer_to_server(servicer, self.server)
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self.server)
        self.server.add_insecure_port(self.target)
        await self.server.start()

    async def stop(self) -> None:
        assert self.server is not None
        await self.server.stop(grace=0)
        self.server = None

    async def say(self, status: "health_pb2.HealthCheckResponse.ServingStatus.ValueType") -> None:
        """Change what the health service says of the whole."""
        await self.health.set("", status)

    def reset(self) -> None:
        self.answers = {"GetMe": organizations_pb2.GetMeResponse()}
        self.seen = []

    async def handle(self, method: str, request: Any, context: grpc.aio.ServicerContext) -> Any:
        metadata = {key: str(value) for key, value in context.invocation_metadata() or ()}
        self.seen.append(Seen(method, request, metadata, context.time_remaining()))
        if method not in PUBLIC and metadata.get("authorization") != f"Bearer {GOOD_TOKEN}":
            await Refusal(grpc.StatusCode.UNAUTHENTICATED, "the token is not known", "unauthenticated").send(context)
        answer = self.answers[method]
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, Awaitable):
            answer = await answer
        if isinstance(answer, Refusal):
            await answer.send(context)
        if method.startswith("Watch"):
            await context.write(answer)
        return answer


class _Servicer:
    def __init__(self, daemon: FakeDaemon) -> None:
        self._daemon = daemon

    def __getattr__(self, method: str) -> Callable[[Any, grpc.aio.ServicerContext], Awaitable[Any]]:
        async def handle(request: Any, context: grpc.aio.ServicerContext) -> Any:
            return await self._daemon.handle(method, request, context)

        return handle
