"""Killing parts of a stack, and what must hold afterwards, whatever died when."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from tests.stack import projects
from tests.stack.polling import until
from tests.stack.projects import Json
from tests.stack.running import RunningStack
from tests.stack.tenant import ask

FINAL = {"completed", "failed"}


def kill(stack: RunningStack, name: str) -> int:
    """kill -9 of a child of `capyd dev`; its process id."""
    pid = int(stack.ready["pids"][name])
    os.kill(pid, signal.SIGKILL)
    return pid


async def restarted(stack: RunningStack, name: str, *, killed: int) -> None:
    """Return when `capyd dev` says that all is up again, the killed one in another process."""
    stack.ready = await asyncio.to_thread(stack.process.wait_until, lambda ready: ready["pids"][name] != killed)


@asynccontextmanager
async def without_postgres(stack: RunningStack) -> AsyncIterator[None]:
    """PostgreSQL is dead inside the block, and is started again behind it."""
    dev = stack.process.process
    # Stopped, `capyd dev` cannot start it again.
    dev.send_signal(signal.SIGSTOP)
    try:
        killed = kill(stack, "postgres")
        yield
    finally:
        dev.send_signal(signal.SIGCONT)
    await restarted(stack, "postgres", killed=killed)


async def try_to_create(stack: RunningStack, name: str) -> Json | None:
    """The project, when its creation was acknowledged; a client that was not answered knows nothing."""
    try:
        reply = await stack.rest.send("POST", "/v1/projects", {"name": name})
    except aiohttp.ClientError:
        return None
    if reply.status != 201:
        assert reply.status in (503, 504), reply.body
        assert "Retry-After" in reply.headers or reply.status == 504
        return None
    return reply.json["project"]


async def check_all_is_well(stack: RunningStack, acknowledged: list[Json]) -> None:
    """Everything that was acknowledged is usable, no database is shared, and nothing is on the cluster unaccounted."""

    async def listed() -> list[Json]:
        return await projects.list_projects(stack.rest)

    ready = await until(listed, lambda found: all(project["state"] == "ready" for project in found))
    by_id = {project["id"]: project for project in ready}
    assert {project["id"] for project in acknowledged} <= set(by_id)
    databases = [project["database_name"] for project in ready]
    assert len(set(databases)) == len(databases)

    for project in acknowledged:
        urls = await projects.urls(stack.rest, project["id"])
        name = by_id[project["id"]]["database_name"]
        assert await ask(urls.direct, "SELECT current_database()") == name
        assert await ask(urls.pooled, "SELECT current_database()") == name
        jobs = (await stack.rest.expect(200, "GET", f"/v1/projects/{project['id']}/jobs"))["jobs"]
        assert {job["state"] for job in jobs} <= FINAL

    claimed = await stack.administer("SELECT database_name, project_id FROM capyd.tenants WHERE state = 'claimed'")
    assert dict(claimed) == {project["database_name"]: project["id"] for project in ready}
    await stack.spares()
    assert await stack.administer(UNACCOUNTED) == []


UNACCOUNTED = r"""
    WITH accounted (name) AS (
        SELECT database_name FROM capyd.tenants
        UNION ALL SELECT database_name || '_owner' FROM capyd.tenants
        UNION ALL SELECT database_name FROM capyd.templates
    )
    SELECT datname FROM pg_database WHERE datname LIKE 'capy\_%' AND datname NOT IN (SELECT name FROM accounted)
    UNION ALL
    SELECT rolname FROM pg_roles WHERE rolname LIKE 'capy\_%' AND rolname NOT IN (SELECT name FROM accounted)
"""
