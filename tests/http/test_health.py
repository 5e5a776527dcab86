"""Alive is the gateway's own matter; ready is the daemon's."""

import pytest
from grpc_health.v1.health_pb2 import HealthCheckResponse

from tests.http.daemon import FakeDaemon
from tests.http.rest import Rest


async def test_alive_whatever_the_daemon_says(rest: Rest, daemon: FakeDaemon):
    await daemon.say(HealthCheckResponse.NOT_SERVING)
    reply = await rest("GET", "/healthz")
    assert (reply.status, reply.body) == (200, b'{"status":"ok"}')


@pytest.mark.parametrize("status", [HealthCheckResponse.NOT_SERVING, HealthCheckResponse.UNKNOWN])
async def test_not_ready_while_the_daemon_is_not(rest: Rest, daemon: FakeDaemon, status):
    await daemon.say(status)
    reply = await rest("GET", "/readyz")
    assert (reply.status, reply.json["code"]) == (503, "not_ready")
    assert HealthCheckResponse.ServingStatus.Name(status) in reply.json["error"]
    assert reply.headers["Retry-After"] == "2"


async def test_ready_when_the_daemon_serves(rest: Rest, daemon: FakeDaemon):
    await daemon.say(HealthCheckResponse.SERVING)
    reply = await rest("GET", "/readyz")
    assert (reply.status, reply.body) == (200, b'{"status":"ok"}')
