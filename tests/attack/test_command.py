"""`capyd doctor --attack` on a live cluster: its exit codes, and that it leaves nothing behind, whatever ends it."""

import asyncio
import json
import signal
import sys

from capyd.attack.canaries import ORGANIZATION_ID
from capyd.v1 import projects_pb2
from capyd.v1.projects_pb2_grpc import ProjectServiceStub
from tests.stack.polling import until
from tests.stack.running import RunningStack


async def start(stack: RunningStack, *options: str, target: str | None = None) -> asyncio.subprocess.Process:
    argv = ["-m", "capyd", "doctor", "--attack", "--target", target or stack.ready["admin_target"], *options]
    return await asyncio.create_subprocess_exec(
        sys.executable, *argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )


async def states(stack: RunningStack) -> list[str]:
    """Those of the canaries."""
    request = projects_pb2.ListProjectsRequest(organization_id=ORGANIZATION_ID)
    return [project.state for project in (await ProjectServiceStub(stack.admin).ListProjects(request)).projects]


async def under_way(stack: RunningStack) -> None:
    """Until the canaries are there and locked: the run can be met by another."""

    held = """
        SELECT FROM pg_locks JOIN pg_stat_activity AS a USING (pid)
        WHERE locktype = 'advisory' AND granted AND a.application_name = 'capyd attack'
    """

    async def locked() -> bool:
        return bool(await stack.administer(held))

    await until(locked)


async def test_a_run_killed_is_cleaned_up_by_the_next(stack: RunningStack) -> None:
    killed = await start(stack)
    await under_way(stack)
    second = await start(stack)
    _, said = await second.communicate()
    assert second.returncode == 2
    assert b"another attack on this cluster is under way" in said
    killed.kill()
    await killed.communicate()
    assert await states(stack) == ["ready", "ready"]

    whole = await start(stack, "--json", "--category", "databases", "--category", "limits")
    printed, said = await whole.communicate()
    assert whole.returncode == 0, said
    report = json.loads(printed)
    assert report["failed"] == 0
    assert {tried["category"] for tried in report["tries"]} == {"databases", "limits"}
    assert report["held"] + report["open"] == len(report["tries"])
    assert await states(stack) == []


async def test_an_interrupted_run_removes_its_canaries(stack: RunningStack) -> None:
    for ended_by, code in ((signal.SIGINT, 1), (signal.SIGTERM, 143)):
        running = await start(stack)
        await under_way(stack)
        running.send_signal(ended_by)
        await running.communicate()
        assert running.returncode == code
        assert await states(stack) == []


async def test_a_failed_row_is_an_exit_code(stack: RunningStack) -> None:
    await stack.administer("GRANT CONNECT ON DATABASE postgres TO PUBLIC")
    try:
        running = await start(stack, "--category", "databases")
        printed, said = await running.communicate()
    finally:
        await stack.administer("REVOKE CONNECT ON DATABASE postgres FROM PUBLIC")
    assert running.returncode == 1
    assert b"FAILED" in printed
    assert b"1 FAILED" in said
    assert b"let in as" in printed


async def test_without_a_daemon_there_is_nothing_to_attack(stack: RunningStack) -> None:
    running = await start(stack, target="unix:/nowhere/admin.sock")
    _, said = await running.communicate()
    assert running.returncode == 2
    assert b"no daemon answers" in said


async def test_what_cannot_be_chosen(stack: RunningStack) -> None:
    for options, words in (
        (["--category", "nothing"], b"the categories are: databases, role logins"),
        (["--repair"], b"--attack mends nothing"),
    ):
        running = await start(stack, *options)
        _, said = await running.communicate()
        assert running.returncode == 2
        assert words in said
