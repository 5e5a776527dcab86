"""kill -9 of each part while projects are being created: nothing acknowledged is lost, and nothing is left behind."""

import asyncio

import pytest

from tests.stack import projects
from tests.stack.accidents import check_all_is_well, kill, restarted, try_to_create
from tests.stack.polling import until
from tests.stack.running import RunningStack

CREATES = 20


@pytest.mark.parametrize("name", ["capyd", "postgres", "pgbouncer", "capyd_http"])
async def test_killed_amid_creations(mortal: RunningStack, name: str) -> None:
    before = len(await projects.list_projects(mortal.rest))
    creations = [asyncio.create_task(try_to_create(mortal, f"{name} dies {n}")) for n in range(CREATES)]
    # Some are acknowledged and none is waited for: their jobs are in every stage just now.
    await asyncio.wait(creations[: CREATES // 4])
    killed = kill(mortal, name)
    acknowledged = [project for project in await asyncio.gather(*creations) if project is not None]
    assert len(acknowledged) >= CREATES // 4
    await restarted(mortal, name, killed=killed)

    await check_all_is_well(mortal, acknowledged)
    assert len(await projects.list_projects(mortal.rest)) >= before + len(acknowledged)
    await projects.create_ready(mortal.rest, "after it")


async def test_a_daemon_killed_amid_deletions(mortal: RunningStack) -> None:
    kept, *doomed = [await projects.create_ready(mortal.rest, f"doomed {n}") for n in range(6)]
    deletions = [await projects.delete(mortal.rest, project["id"]) for project in doomed]
    killed = kill(mortal, "capyd")
    await restarted(mortal, "capyd", killed=killed)
    for job in deletions:
        await projects.completed(mortal.rest, job["id"])
    for project in doomed:
        await mortal.rest.refused(404, "GET", f"/v1/projects/{project['id']}")
        assert (
            await mortal.administer(
                "SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s)", project["database_name"]
            )
            == []
        )
    await check_all_is_well(mortal, [kept])


async def test_the_gateway_without_its_daemon(mortal: RunningStack) -> None:
    killed = kill(mortal, "capyd")

    async def ask() -> int:
        return (await mortal.rest.send("GET", "/v1/projects")).status

    # Unreachable while it is away (503) or found again (200): never anything else.
    seen = set()

    async def answered() -> int:
        status = await ask()
        seen.add(status)
        return status

    await until(answered, lambda status: status == 200)
    assert seen <= {200, 503}
    await restarted(mortal, "capyd", killed=killed)
