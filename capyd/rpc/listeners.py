"""The daemon's listeners. Each has a trust policy of its own, and so a server of its own: a handler cannot tell
which socket a call came in by.
"""

import asyncio
import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from capyd.rpc.handlers import service_handler
from capyd.rpc.trust import TrustPolicy
from capyd.usecases.audit import AuditTrail
from capyd.usecases.idempotency import RepeatedRequests
from capyd.v1 import audit_pb2, cluster_pb2, extensions_pb2, jobs_pb2, organizations_pb2, projects_pb2

SERVICES: Final[Mapping[str, ServiceDescriptor]] = {
    service.name: service
    for file in (projects_pb2, extensions_pb2, jobs_pb2, organizations_pb2, audit_pb2, cluster_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
}
"""Every service of capyd.v1, by its short name."""

_OPTIONS: Final = (
    # Or a second daemon binds the same port without an error, and gets half of the calls.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    # Streams stay open across idle hours: pings in both directions are wanted.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_ping_strikes", 0),
)


class ListenError(Exception):
    """An address cannot be listened on. Its text says which, and why where that is known."""


class Listeners:
    """All servers of the daemon, with one health service: what is said of one is true of all."""

    def __init__(self, servicers: Mapping[str, object], repeated: RepeatedRequests, trail: AuditTrail) -> None:
        self._servicers = servicers
        self._repeated = repeated
        self._trail = trail
        self._health = health.aio.HealthServicer()
        self._servers: list[grpc.aio.Server] = []
        self._sockets: list[Path] = []

    async def add_socket(self, path: Path, trust: TrustPolicy, *, mode: int) -> None:
        """Listen on a Unix socket with this file mode.

        Raises:
            ListenError: the path cannot be bound.
        """
        await asyncio.to_thread(_make_room, path)
        with _umask(0o777 & ~mode):
            await self._add(f"unix:{path}", trust)
        self._sockets.append(path)

    async def add_address(self, address: str, trust: TrustPolicy) -> None:
        """Listen on a TCP address, in plain text.

        Raises:
            ListenError: the address cannot be bound.
        """
        await self._add(address, trust)

    async def add_fleet_address(self, address: str, trust: TrustPolicy, credentials: grpc.ServerCredentials) -> None:
        """Listen on a TCP address, with TLS.

        Raises:
            ListenError: the address cannot be bound.
        """
        await self._add(address, trust, credentials)

    async def set_serving(self, *, serving: bool) -> None:
        """Say of all services that they serve, or that they do not."""
        state = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *(service.full_name for service in SERVICES.values())):
            await self._health.set(name, state)

    async def set_service(self, name: str, *, serving: bool) -> None:
        """Say the same of one service, by its short name."""
        state = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        await self._health.set(SERVICES[name].full_name, state)

    async def stop(self, *, grace_seconds: float) -> None:
        """Take no more calls, and end those in hand after `grace_seconds`."""
        for server in self._servers:
            await server.stop(grace_seconds)
        for path in self._sockets:
            path.unlink(missing_ok=True)

    async def _add(self, address: str, trust: TrustPolicy, credentials: grpc.ServerCredentials | None = None) -> None:
        server = grpc.aio.server(options=_OPTIONS)
        server.add_generic_rpc_handlers(
            tuple(
                service_handler(SERVICES[name], servicer, trust=trust, repeated=self._repeated, trail=self._trail)
                for name, servicer in self._servicers.items()
            )
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        names = (*(service.full_name for service in SERVICES.values()), health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)
        try:
            if credentials is None:
                server.add_insecure_port(address)
            else:
                server.add_secure_port(address, credentials)
            await server.start()
        except RuntimeError as error:
            raise ListenError(f"cannot listen on {address}: is something else listening there?") from error
        self._servers.append(server)


def _make_room(path: Path) -> None:
    """Remove what a dead daemon left: the lock on the state file is held, so that it was no living one's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)


@contextlib.contextmanager
def _umask(mask: int) -> Iterator[None]:
    """Files made inside have at most the mode that the mask leaves: there is no moment in which others may open."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)
