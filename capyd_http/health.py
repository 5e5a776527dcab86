"""Is the gateway alive, and is the daemon behind it ready."""

import grpc
from aiohttp import web
from grpc_health.v1 import health_pb2, health_pb2_grpc

from capyd_http.answers import json_answer
from capyd_http.errors import ApiError, from_rpc
from capyd_http.router import Handler, Visit

_DEADLINE_SECONDS = 2.0
_OK = b'{"status":"ok"}'


async def healthz(visit: Visit) -> web.Response:
    """Answer as long as this process does anything at all: the daemon has no part in it."""
    return json_answer(200, _OK, request_id=visit.request_id)


def readyz(channel: grpc.aio.Channel) -> Handler:
    """A handler that answers 200 while the daemon says SERVING, and 503 with the reason otherwise."""

    async def handle(visit: Visit) -> web.Response:
        await check_daemon(channel)
        return json_answer(200, _OK, request_id=visit.request_id)

    return handle


async def check_daemon(channel: grpc.aio.Channel) -> None:
    """Return when the daemon says that it serves.

    Raises:
        ApiError: 503, with the reason.
    """
    check = health_pb2_grpc.HealthStub(channel).Check
    try:
        response = await check(health_pb2.HealthCheckRequest(), timeout=_DEADLINE_SECONDS)
    except grpc.aio.AioRpcError as error:
        raise _not_ready(from_rpc(error).message) from error
    if response.status != health_pb2.HealthCheckResponse.SERVING:
        said = health_pb2.HealthCheckResponse.ServingStatus.Name(response.status)
        raise _not_ready(f"the daemon says {said}")


def _not_ready(why: str) -> ApiError:
    return ApiError(503, f"not ready: {why}", code="not_ready", retry_after_seconds=2)
