"""DELETE with the tenant still at it: gone in one job, which says what stood in the way."""

import asyncio
import re

import psycopg
import pytest

from tests.stack import projects
from tests.stack.rest import Rest
from tests.stack.running import RunningStack
from tests.stack.tenant import session


async def come_back(url: str, *, until: asyncio.Event) -> None:
    """Log in, work, be cut off and log in again."""
    while not until.is_set():
        try:
            async with session(url) as connection:
                while True:
                    await connection.execute("SELECT pg_catalog.pg_sleep(0.01)")
        except psycopg.Error:
            await asyncio.sleep(0.01)


async def test_both_logins_of_a_rotation(stack: RunningStack, rest: Rest) -> None:
    project = await projects.create_ready(rest, "rotated")
    before = await projects.urls(rest, project["id"])
    rotate = f"/v1/projects/{project['id']}/credentials/rotate"
    job = (await rest.expect(202, "POST", rotate, {"grace_hours": 1}))["job"]
    await projects.completed(rest, job["id"])
    after = await projects.urls(rest, project["id"])
    logins = [project["role_name"], (await projects.get(rest, project["id"]))["role_name"]]
    assert logins[0] != logins[1]
    query = "SELECT count(*) FROM pg_roles WHERE rolname = ANY (%s)"
    assert await stack.administer(query, logins) == [(2,)]
    deleted = asyncio.Event()
    tenants = [asyncio.create_task(come_back(url, until=deleted)) for url in (*before, *after)]
    try:
        job = await projects.delete(rest, project["id"])
        job = await projects.completed(rest, job["id"])
    finally:
        deleted.set()
        await asyncio.gather(*tenants)
    assert job["attempts"] == 1
    assert await stack.administer(query, [*logins, f"{project['database_name']}_owner"]) == [(0,)]
    assert await stack.administer("SELECT 1 FROM pg_database WHERE datname = %s", project["database_name"]) == []


async def test_a_tenant_that_does_not_let_go(stack: RunningStack, rest: Rest) -> None:
    project = await projects.create_ready(rest, "held")
    urls = await projects.urls(rest, project["id"])
    deleted = asyncio.Event()

    async with session(urls.direct) as holding, session(urls.pooled) as idle, session(urls.pooled) as busy:
        await holding.execute("CREATE TEMPORARY TABLE passing (i int)")
        await holding.execute("BEGIN")
        await holding.execute("SET ROLE NONE")
        await holding.execute(f"ALTER ROLE {project['role_name']} PASSWORD 'another'")
        await idle.execute("SELECT 1")
        await busy.execute("BEGIN")
        await busy.execute("CREATE TABLE unfinished (i int)")
        tenants = [asyncio.create_task(come_back(url, until=deleted)) for url in (*urls, *urls)]
        try:
            job = await projects.delete(rest, project["id"])
            job = await projects.completed(rest, job["id"])
        finally:
            deleted.set()
            await asyncio.gather(*tenants)
        for client in (holding, idle, busy):
            with pytest.raises(psycopg.Error):
                await client.execute("SELECT 1")
    assert job["attempts"] == 1
    said = job["last_stdout"]
    assert f"ended a session of {project['role_name']} in {project['database_name']}, idle in transaction" in said
    assert re.search(r"^ended \d+ sessions?$", said, re.MULTILINE)
    assert "another" not in said
    for query in ("SELECT 1 FROM pg_database WHERE datname LIKE %s", "SELECT 1 FROM pg_roles WHERE rolname LIKE %s"):
        assert await stack.administer(query, f"{project['database_name']}%") == []
    assert await stack.administer("SELECT 1 FROM capyd.tenants WHERE project_id = %s", project["id"]) == []
    await rest.expect(404, "GET", f"/v1/projects/{project['id']}")
