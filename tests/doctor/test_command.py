"""`capyd doctor` on a whole stack, whose daemon also looks by itself."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import grpc
import psycopg
import pytest

from capyd.v1 import cluster_pb2, cluster_pb2_grpc
from tests.dev.stacks import Stack, new_stack
from tests.stack import projects
from tests.stack.grpc_errors import refused
from tests.stack.polling import until
from tests.stack.running import RunningStack, connected
from tests.stack.tenant import ask


@pytest.fixture(scope="module")
def process() -> Iterator[Stack]:
    """The process of `stack`."""
    with new_stack() as process:
        process.start()
        yield process
        assert process.stop() == 0, process.said


@pytest.fixture(scope="module")
async def stack(process: Stack) -> AsyncIterator[RunningStack]:
    """A stack that these tests spoil, and have mended."""
    async with connected(process) as running:
        await running.spares()
        yield running


async def doctor(stack: RunningStack, *options: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "capyd", "doctor", "--target", stack.ready["admin_target"], *options]
    return await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, check=False)


async def alter(stack: RunningStack, statement: str) -> None:
    """Run a statement that returns nothing, by hand, as the cluster's administrator."""
    postgres = stack.settings["postgres"]
    async with await psycopg.AsyncConnection.connect(
        host=postgres["socket_dir"], port=postgres["port"], user="capyd", dbname="postgres", autocommit=True
    ) as connection:
        await connection.execute(statement)


async def test_nothing_is_off(stack: RunningStack) -> None:
    await projects.create_ready(stack.rest)
    await stack.spares()
    said = await until(lambda: doctor(stack), lambda done: done.returncode == 0)
    assert said.stdout.startswith("nothing is off; compared: projects 1, tenants and spares 9,")


async def test_what_is_off_is_shown_and_then_mended(stack: RunningStack) -> None:
    project = await projects.create_ready(stack.rest)
    name = project["database_name"]
    await stack.spares()
    await alter(stack, f"ALTER ROLE {name} CONNECTION LIMIT 1")
    said = await doctor(stack)
    assert said.returncode == 1
    assert "wrong_limits" in said.stdout
    assert project["id"] in said.stdout
    assert "nothing yet" in said.stdout

    shown = json.loads((await doctor(stack, "--json")).stdout)
    (finding,) = shown["findings"]
    assert (finding["kind"], finding["subject"], finding["repaired"]) == ("wrong_limits", name, False)

    mended = await doctor(stack, "--repair")
    assert mended.returncode == 0
    assert "mended" in mended.stdout
    assert (await doctor(stack)).returncode == 0


async def test_what_is_only_reported_stays_off(stack: RunningStack) -> None:
    await alter(stack, "CREATE ROLE capy_stranger")
    said = await doctor(stack, "--repair")
    assert said.returncode == 1
    assert "foreign_object" in said.stdout
    assert "reported only" in said.stdout
    await alter(stack, "DROP ROLE capy_stranger")


async def test_without_a_daemon_nothing_can_be_said(stack: RunningStack) -> None:
    said = await doctor(stack, "--target", "unix:/nowhere/admin.sock")
    assert said.returncode == 2
    assert "no daemon answers" in said.stderr
    assert said.stdout == ""


async def test_only_a_platform_administrator_may(stack: RunningStack) -> None:
    service = cluster_pb2_grpc.ClusterServiceStub(stack.api)
    refusal = await refused(service.CheckCluster(cluster_pb2.CheckClusterRequest(repair=True)))
    assert refusal.code is grpc.StatusCode.PERMISSION_DENIED


async def test_a_daemon_that_starts_looks_by_itself(stack: RunningStack) -> None:
    """The tenant changed its password, and nobody asked a doctor."""
    project = await projects.create_ready(stack.rest)
    urls = await projects.urls(stack.rest, project["id"])
    name = project["database_name"]
    await alter(stack, f"ALTER ROLE {name} PASSWORD 'of-my-own'")
    daemon = int(stack.ready["pids"]["capyd"])
    os.kill(daemon, signal.SIGKILL)
    stack.ready = await asyncio.to_thread(stack.process.wait_until, lambda ready: ready["pids"]["capyd"] != daemon)

    async def shown() -> int:
        return (await stack.rest.send("GET", f"/v1/projects/{project['id']}/connections")).status

    await until(shown, lambda status: status == 409)
    body = await stack.rest.refused(409, "GET", f"/v1/projects/{project['id']}/connections")
    assert body["code"] == "password_unknown"
    assert await until(lambda: _whoami(urls.pooled), lambda found: found is not None) == name


async def _whoami(url: str) -> str | None:
    try:
        return str(await ask(url, "SELECT session_user", password="of-my-own"))
    except psycopg.OperationalError:
        return None
