import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckResponse
from prometheus_client.parser import text_string_to_metric_families

from capyd.runtime.observation import observed
from capyd_http.metrics import serve_gateway_metrics
from tests.http.daemon import FakeDaemon, Refusal
from tests.http.rest import Rest
from tests.servers import free_port
from tests.stack.polling import until


@pytest.fixture
async def metrics(daemon: FakeDaemon) -> AsyncIterator[str]:
    """The metrics listener's address, while this process's gateway is measured."""
    port = free_port()
    serving = asyncio.create_task(serve_gateway_metrics(f"127.0.0.1:{port}", backend=daemon.target))

    async def listens() -> bool:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return True
        return False

    await until(listens)
    yield f"http://127.0.0.1:{port}"
    serving.cancel()
    observed.request = None


async def test_requests_are_counted_by_route_and_status_and_not_by_path(
    rest: Rest, metrics: str, daemon: FakeDaemon
) -> None:
    daemon.answers["GetProject"] = Refusal(grpc.StatusCode.NOT_FOUND)
    for path in ("/v1/projects/prj_one", "/v1/projects/prj_two", "/nowhere/one", "/nowhere/two"):
        await rest("GET", path)
    await rest("PROPFIND", "/v1/projects/prj_one")
    async with aiohttp.ClientSession() as session, session.get(f"{metrics}/metrics") as answer:
        text = await answer.text()
    counts = {
        (sample.labels["route"], sample.labels["status"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "capyd_http_request_seconds_count"
    }
    project = "/v1/projects/{project_id}"
    assert {route for route, _ in counts} == {f"GET {project}", "GET -", f"OTHER {project}"}
    assert counts["GET -", "404"] == 2


async def test_ready_is_what_the_daemon_is(metrics: str, daemon: FakeDaemon) -> None:
    async with aiohttp.ClientSession() as session:
        for said, status, missing in (
            (HealthCheckResponse.SERVING, 200, []),
            (HealthCheckResponse.NOT_SERVING, 503, ["daemon"]),
        ):
            await daemon.say(said)
            async with session.get(f"{metrics}/readyz") as answer:
                assert answer.status == status
                assert [part["name"] for part in (await answer.json())["not_ready"]] == missing
    await daemon.say(HealthCheckResponse.SERVING)
