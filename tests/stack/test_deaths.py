"""kill -9 of each part while projects are being created: nothing acknowledged is lost, and nothing is left behind."""

import asyncio
import itertools

import pytest

from tests.stack import projects
from tests.stack.accidents import check_all_is_well, kill, restarted, try_to_create
from tests.stack.polling import until
from tests.stack.running import RunningStack

CREATES = 20
EARLY = 5
MORE_THAN_SPARES = 12


@pytest.mark.parametrize("name", ["capyd", "postgres", "capyd_http"])
async def test_killed_while_creations_are_accepted(mortal: RunningStack, name: str) -> None:
    creations = [asyncio.create_task(try_to_create(mortal, f"{name} dies early {n}")) for n in range(CREATES)]
    for acknowledgement in itertools.islice(asyncio.as_completed(creations), EARLY):
        await acknowledgement
    killed = kill(mortal, name)
    acknowledged = [project for project in await asyncio.gather(*creations) if project is not None]
    assert len(acknowledged) >= EARLY
    await restarted(mortal, name, killed=killed)
    await check_all_is_well(mortal, acknowledged)
    await projects.create_ready(mortal.rest, "after it")


@pytest.mark.parametrize("name", ["capyd", "postgres", "pgbouncer"])
async def test_killed_while_databases_are_built(mortal: RunningStack, name: str) -> None:
    creates = len(await mortal.spares()) + MORE_THAN_SPARES
    accepted = await asyncio.gather(*(projects.create(mortal.rest, f"{name} dies late {n}") for n in range(creates)))
    last = max((job for _, job in accepted), key=lambda job: job["created_at"])
    # Its database has yet to be built, behind those of others.
    job = await until(lambda: projects.get_job(mortal.rest, last["id"]), lambda job: job["state"] != "pending")
    assert job["state"] == "running"
    killed = kill(mortal, name)
    await restarted(mortal, name, killed=killed)
    await check_all_is_well(mortal, [project for project, _ in accepted])


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

    seen = set()

    async def answered() -> int:
        status = (await mortal.rest.send("GET", "/v1/projects")).status
        seen.add(status)
        return status

    # Unreachable while it is away, then found again by itself: never anything else.
    await until(answered, lambda status: status == 200)
    assert seen <= {200, 503}
    await restarted(mortal, "capyd", killed=killed)
