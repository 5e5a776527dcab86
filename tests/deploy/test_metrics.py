"""What a daemon tells Prometheus, and that the dashboard and the alerts ask for nothing else."""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from capyd.client.channel import open_channel
from capyd.postgres.usage import largest
from capyd.runtime.metrics import REQUEST_BUCKETS, by_labels, metrics_listener, new_registry
from capyd.runtime.observation import Observation
from capyd.v1 import organizations_pb2, organizations_pb2_grpc
from tests.reliability.daemon import Armed
from tests.reliability.host import Host, running_host
from tests.servers import free_port, installations, running_cluster
from tests.stack.polling import until

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "capyd.rules.yml"
DASHBOARD = DEPLOY / "grafana" / "capyd.json"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(scope="module")
async def database_host() -> AsyncIterator[Host]:
    """The newest PostgreSQL at hand, with a pooler."""
    newest = max(installations().values(), key=lambda installation: installation.major)
    with running_cluster(newest) as cluster:
        async with running_host(cluster) as host:
            yield host


def _samples(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def _get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


def _one(samples: Samples, name: str, **labels: str) -> float:
    found = [value for (it, having), value in samples.items() if it == name and labels.items() <= dict(having).items()]
    assert found, f"{name} with {labels} is not among: {sorted({it for it, _ in samples})}"
    return sum(found)


async def test_a_daemon_is_seen_at_work_and_every_metric_of_dashboard_and_alerts_is_there(database_host: Host) -> None:
    port = free_port()
    metrics = {"metrics": {"address": f"127.0.0.1:{port}"}}
    async with database_host.daemon(spares=1, sections=metrics) as daemon:
        await daemon.client.create_organization()
        accepted = await daemon.client.create("metrics")

        async def job_state() -> str:
            return (await daemon.client.get_job(accepted.job_id)).state

        await until(job_state, lambda state: state == "completed")

        async def scraped() -> Samples:
            return _samples((await _get(f"http://127.0.0.1:{port}/metrics"))[1])

        samples = await until(scraped, lambda them: _one(them, "capyd_spares") == 1)
        assert _one(samples, "capyd_job_attempt_seconds_count", type="project.provision", outcome="completed") == 1
        assert _one(samples, "capyd_job_step_seconds_count", type="project.provision", verdict="done") >= 1
        assert _one(samples, "capyd_rpc_seconds_count", method="ProjectService/CreateProject", code="OK") == 1
        assert _one(samples, "capyd_projects", state="ready") == 1
        assert _one(samples, "capyd_postgres_up") == _one(samples, "capyd_pooler_up") == 1
        assert _one(samples, "capyd_state_commit_seconds_count") > 1
        assert _one(samples, "capyd_spares_target") == 1
        # Measured at the first scrape, which may have come before the project.
        assert ("capyd_project_connections", frozenset({("project", accepted.project_id)})) in samples
        assert _one(samples, "capyd_projects_connections") == 0
        assert _one(samples, "capyd_event_loop_lag_seconds_count") >= 0

        exported = {name for name, _ in samples}
        named = _named_in_dashboard() | set(re.findall(r"\bcapyd_[a-z_]+", RULES.read_text()))
        # Series that are there when there is a job, and the gateway's.
        named -= {"capyd_jobs", *(name for name in named if name.startswith("capyd_http_"))}
        assert named - exported == set()

        # One line the call, one the job, and an id that joins them.
        lines = [json.loads(line) for line in daemon.said.splitlines()]
        calls = [line for line in lines if line.get("method") == "ProjectService/CreateProject"]
        ends = [line for line in lines if line["event"] == "job.completed"]
        assert [line["job_id"] for line in calls] == [line["job_id"] for line in ends] == [accepted.job_id]
        assert calls[0]["request_id"]

        assert await _get(f"http://127.0.0.1:{port}/healthz") == (200, '{"status":"ok"}')
        assert (await _get(f"http://127.0.0.1:{port}/readyz"))[0] == 200
        with database_host.frozen_pooler():
            status, said = await _get(f"http://127.0.0.1:{port}/readyz")
            assert status == 503
            assert [part["name"] for part in json.loads(said)["not_ready"]] == ["pooler"]
            assert _one(await scraped(), "capyd_pooler_up") == 0


async def test_a_daemon_tells_systemd_and_takes_a_changed_configuration(database_host: Host, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(tmp_path / "notify"))
        end.setblocking(False)

        async def until_heard(text: str) -> list[str]:
            heard: list[str] = []
            async with asyncio.timeout(30):
                while not heard or text not in heard[-1]:
                    heard.append((await asyncio.get_running_loop().sock_recv(end, 4096)).decode())
            return heard

        told = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "3000000"}
        async with database_host.daemon(environment=told) as daemon:
            heard = await until_heard("READY=1")
            assert any("STATUS=serving" in line for line in heard)
            await until_heard("WATCHDOG=1")
            database_host.write_settings(0, {"logs": {"level": "warning"}, "jobs": {"max_attempts": 2}})
            os.kill(daemon.process_id, signal.SIGHUP)
            await until_heard("RELOADING=1")
            await until_heard("READY=1")
            (database_host.directory / "capyd.toml").write_text("[nonsense]\n")
            os.kill(daemon.process_id, signal.SIGHUP)
            await until_heard("READY=1")
            await daemon.until_said("configuration.refused")
            # From the level on nothing less than a warning is said.
            assert "configuration.reloaded" not in daemon.said
            daemon_stopped = asyncio.create_task(asyncio.to_thread(daemon.stop))
            await until_heard("STOPPING=1")
            assert await daemon_stopped == 0


async def test_a_writer_that_hangs_is_not_covered_up(database_host: Host, tmp_path: Path) -> None:
    """The event loop turns, reads are answered, and still the watchdog hears nothing: a restart is what helps."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(tmp_path / "notify"))
        end.setblocking(False)
        told = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "600000"}
        async with database_host.daemon(Armed(rules="sqlite.commit.before#100=hang"), environment=told) as daemon:
            async with open_channel(f"unix:{database_host.directory / 'admin.sock'}") as channel:
                create = organizations_pb2_grpc.OrganizationServiceStub(channel).CreateOrganization

                async def writer_hangs() -> bool:
                    request = organizations_pb2.CreateOrganizationRequest(name="One of many")
                    try:
                        await create(request, timeout=2)
                    except grpc.aio.AioRpcError as error:
                        return error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
                    return False

                await until(writer_hangs)
            # Reads are answered: this is no dead process.
            await daemon.client.list_projects()
            while True:
                try:
                    end.recv(4096)
                except BlockingIOError:
                    break
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1.5):
                    await asyncio.get_running_loop().sock_recv(end, 4096)


async def test_a_taken_address_is_said_in_a_sentence(database_host: Host) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        sections = {"metrics": {"address": address}}
        async with database_host.daemon(sections=sections, event="Error: cannot listen", may_die=True) as daemon:
            assert f"cannot listen for metrics on {address}: Address already in use" in daemon.said
            assert "Traceback" not in daemon.said


async def test_the_listener_has_three_pages() -> None:
    async def ready() -> list[tuple[str, str]]:
        return []

    async with metrics_listener("127.0.0.1:0", new_registry(), readiness=ready) as port:
        status, said = await _get(f"http://127.0.0.1:{port}/")
        assert status == 404
        assert "/metrics" in json.loads(said)["error"]
        assert "process_resident_memory_bytes" in (await _get(f"http://127.0.0.1:{port}/metrics"))[1]


def test_the_largest_and_the_busiest_have_series_and_no_more_than_asked_for() -> None:
    sizes = {f"prj_{number}": number for number in range(100)}
    busy = {**dict.fromkeys(sizes, 0), "prj_3": 9, "prj_4": 8}
    chosen = largest(sizes, busy, number=4)
    assert [(usage.project_id, usage.size_bytes, usage.connections) for usage in chosen] == [
        ("prj_99", 99, 0),
        ("prj_98", 98, 0),
        ("prj_3", 3, 9),
        ("prj_4", 4, 8),
    ]
    assert largest({}, {}, number=4) == []


def test_nobody_is_told_unless_somebody_asked() -> None:
    nobody = Observation()
    assert [getattr(nobody, name) for name in Observation.__slots__] == [None] * 4


def test_series_are_found_again_by_their_labels() -> None:
    from prometheus_client import Histogram  # noqa: PLC0415

    registry = new_registry()
    observe = by_labels(Histogram("seconds", "Of a test.", ("one", "two"), buckets=REQUEST_BUCKETS, registry=registry))
    for seconds in (0.001, 0.002):
        observe("a", "b", seconds)
    observe("a", "c", 1.0)
    assert registry.get_sample_value("seconds_count", {"one": "a", "two": "b"}) == 2
    assert registry.get_sample_value("seconds_sum", {"one": "a", "two": "c"}) == 1.0


@pytest.mark.skipif(
    shutil.which("promtool") is None and os.environ.get("CI") != "true", reason="there is no promtool on PATH"
)
def test_promtool_accepts_the_rules_and_the_scrape() -> None:
    subprocess.run(["promtool", "check", "rules", RULES], check=True, capture_output=True)
    scrape = DEPLOY / "prometheus" / "scrape.yml"
    subprocess.run(["promtool", "check", "config", "--syntax-only", scrape], check=True, capture_output=True)


def test_panels_stand_side_by_side() -> None:
    """No two of the dashboard's panels overlap, and none has an id twice."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (column, line)
        for panel in panels
        for column in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for line in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)


def _named_in_dashboard() -> set[str]:
    def targets(panel: dict[str, Any]) -> list[str]:
        return [target["expr"] for target in panel.get("targets", ())]

    panels = json.loads(DASHBOARD.read_text())["panels"]
    return {
        name for panel in panels for expression in targets(panel) for name in re.findall(r"\bcapyd_[a-z_]+", expression)
    }
