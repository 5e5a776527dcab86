"""kill -9 of each part while projects are being created: nothing acknowledged is lost, and nothing is left behind."""

import asyncio
import itertools

import pytest

from tests.stack import projects
from tests.stack.accidents import check_all_is_well, kill, restarted, try_to_create
from tests.stack.polling import until
from tests.stack.running import SPARES, RunningStack

CREATES = 20
EARLY = 5
"""Creations acknowledged before the kill: spares are being claimed."""
DRY = SPARES + 4
"""The same: no spare is left, and jobs are building their own."""


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("capyd", EARLY),
        ("capyd", DRY),
        ("postgres", EARLY),
        ("postgres", DRY),
        ("pgbouncer", DRY),
        ("capyd_http", EARLY),
    ],
)
async def test_killed_amid_creations(mortal: RunningStack, name: str, moment: int) -> None:
    await mortal.spares()
    creations = [asyncio.create_task(try_to_create(mortal, f"{name} dies {n}")) for n in range(CREATES)]
    for acknowledgement in itertools.islice(asyncio.as_completed(creations), moment):
        await acknowledgement
    killed = kill(mortal, name)
    acknowledged = [project for project in await asyncio.gather(*creations) if project is not None]
    assert len(acknowledged) >= moment
    await restarted(mortal, name, killed=killed)

    await check_all_is_well(mortal, acknowledged)
    if moment == DRY and name in ("capyd", "postgres"):
        jobs = [await projects.get_job(mortal.rest, project["latest_job_id"]) for project in acknowledged]
        # Or nothing was in hand, and this test has tried nothing.
        assert any(job["started_at"] < job["claimed_at"] for job in jobs)
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
