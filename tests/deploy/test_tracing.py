"""One trace from a REST request to the steps of its job, and none when nobody asked for it."""

import asyncio
import contextlib
import gzip
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from capyd.client.channel import open_channel
from capyd.runtime.tracing import Tracing
from capyd.v1 import organizations_pb2, organizations_pb2_grpc
from tests.reliability.client import ORGANIZATION
from tests.reliability.host import Host, running_host
from tests.servers import free_port, installations, running_cluster
from tests.stack.polling import until


@dataclass
class Collector:
    """Takes spans as an OpenTelemetry collector does."""

    endpoint: str = ""
    spans: list[Span] = field(default_factory=list)

    def named(self, name: str) -> Span:
        found = [span for span in self.spans if span.name == name]
        assert len(found) == 1, (name, sorted(span.name for span in self.spans))
        return found[0]

    async def take(self, request: web.BaseRequest) -> web.Response:
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)
        return web.Response(body=b"", content_type="application/x-protobuf")


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    collector = Collector()
    runner = web.ServerRunner(web.Server(collector.take))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    collector.endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/traces"
    yield collector
    await runner.cleanup()


@pytest.fixture
async def database_host() -> AsyncIterator[Host]:
    newest = max(installations().values(), key=lambda installation: installation.major)
    with running_cluster(newest) as cluster:
        async with running_host(cluster) as host:
            yield host


@contextlib.asynccontextmanager
async def _gateway(directory: Path, host: Host, collector: Collector) -> AsyncIterator[str]:
    port = free_port()
    settings = {
        "listen_port": port,
        "backend": f"unix:{host.directory / 'api.sock'}",
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    file = directory / "http.toml"
    file.write_text("\n".join([*lines, "[tracing]", f'endpoint = "{collector.endpoint}"', ""]))
    process = subprocess.Popen([sys.executable, "-m", "capyd_http", "--config", file])  # noqa: ASYNC220
    try:

        async def listens() -> bool:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return True
            return False

        await until(listens)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 20)


async def test_a_request_its_call_its_job_and_the_steps_are_one_trace(
    database_host: Host, collector: Collector, tmp_path: Path
) -> None:
    tracing = {"tracing": {"endpoint": collector.endpoint}}
    async with database_host.daemon(sections=tracing) as daemon:
        await daemon.client.create_organization()
        async with open_channel(f"unix:{database_host.directory / 'admin.sock'}") as channel:
            key = await organizations_pb2_grpc.OrganizationServiceStub(channel).CreateApiKey(
                organizations_pb2.CreateApiKeyRequest(organization_id=ORGANIZATION, name="traces", scopes=["*"])
            )
        async with (
            _gateway(tmp_path, database_host, collector) as url,
            aiohttp.ClientSession(headers={"X-API-Key": key.plaintext_api_key}) as session,
            session.post(f"{url}/v1/projects", json={"name": "traced", "slug": "not-in-a-span"}) as answer,
        ):
            assert answer.status == 201, await answer.text()
            job_id = (await answer.json())["job"]["id"]

            async def state() -> str:
                return (await daemon.client.get_job(job_id)).state

            await until(state, lambda it: it == "completed")
        assert await asyncio.to_thread(daemon.stop) == 0

    request = collector.named("POST /v1/projects")
    calls = [span for span in collector.spans if span.name == "ProjectService/CreateProject"]
    job = collector.named("job project.provision")
    assert not request.parent_span_id
    assert [call.parent_span_id for call in calls] == [request.span_id]
    assert job.parent_span_id == calls[0].span_id
    steps = [span for span in collector.spans if span.parent_span_id == job.span_id]
    assert {step.name for step in steps} >= {"build a spare, as there is none", "register with the pooler"}
    assert {span.trace_id for span in (request, *calls, job, *steps)} == {request.trace_id}
    # Names and ids, and nothing of the tenant's.
    said = b"".join(span.SerializeToString() for span in collector.spans)
    assert job_id.encode() in said
    for hidden in (b"not-in-a-span", key.plaintext_api_key.encode()):
        assert hidden not in said


def test_off_nothing_is_made_or_remembered() -> None:
    tracing = Tracing()
    with tracing.span("a", kind="server", parent={}, more="b"):
        tracing.annotate("c", 1)
        tracing.job_accepted("job_1")
    assert tracing.carry() == {}
    assert tracing.asked_in("job_1") is None
