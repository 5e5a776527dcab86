"""A rotation: who is let in, at which door, before, meanwhile and afterwards; and who notices nothing."""

import asyncio
import re
import sqlite3
from contextlib import AsyncExitStack, closing, suppress

import psycopg
import pytest

from tests.servers import installations
from tests.stack import projects
from tests.stack.polling import until
from tests.stack.projects import Json, Urls
from tests.stack.rest import Rest
from tests.stack.running import RunningStack
from tests.stack.tenant import ask, parts, refusal, session, value

REFUSED = "password authentication failed|SASL authentication failed|login rejected|no authentication method is found"


async def rotate(rest: Rest, project_id: str, **body: object) -> Json:
    """The accepted job."""
    return (await rest.expect(202, "POST", f"/v1/projects/{project_id}/credentials/rotate", body or None))["job"]


async def rotated(rest: Rest, project_id: str, **body: object) -> Urls:
    """The URLs when it is done."""
    job = await projects.completed(rest, (await rotate(rest, project_id, **body))["id"])
    assert job["type"] == "project.rotate_credentials"
    assert (await projects.get(rest, project_id))["state"] == "ready"
    return await projects.urls(rest, project_id)


async def is_let_in(urls: Urls, owner: str) -> None:
    for url in urls:
        assert await ask(url, "SELECT current_user") == owner


async def do(url: str, *statements: str) -> None:
    """In one session."""
    async with session(url) as tenant:
        for statement in statements:
            await tenant.execute(statement)


async def is_refused(urls: Urls) -> None:
    for url in urls:
        assert re.search(REFUSED, await refusal(url))


async def test_another_password(rest: Rest) -> None:
    project = await projects.create_ready(rest, "rotated")
    before = await projects.urls(rest, project["id"])
    async with session(before.direct) as direct, session(before.pooled) as pooled:
        now = await rotated(rest, project["id"])
        await is_let_in(now, f"{project['database_name']}_owner")
        await is_refused(before)
        assert parts(now.direct)["user"] == project["role_name"]
        # Whoever was in is in.
        assert [await value(each, "SELECT 1") for each in (direct, pooled)] == [1, 1]


async def test_another_login_for_a_while(stack: RunningStack, rest: Rest) -> None:
    project = await projects.create_ready(rest, "rotated with grace")
    owner = f"{project['database_name']}_owner"
    before = await projects.urls(rest, project["id"])
    now = await rotated(rest, project["id"], grace_hours=720)
    assert (await projects.get(rest, project["id"]))["role_name"] == parts(now.pooled)["user"] != project["role_name"]
    await is_let_in(before, owner)
    await is_let_in(now, owner)

    # What the one makes the other may change; the limits bind the two together.
    await do(before.direct, "CREATE TABLE shared ()")
    await do(now.direct, "ALTER TABLE shared ADD COLUMN a int")
    await do(before.direct, "SET ROLE NONE", "CREATE SCHEMA stray AUTHORIZATION CURRENT_USER")
    async with AsyncExitStack() as held:
        with suppress(psycopg.OperationalError):
            for _ in range(project["max_connections"] + 1):
                await held.enter_async_context(session(before.direct))
        assert "too many connections for database" in await refusal(now.direct)

    # Not twice, but a new password without grace is always to be had; the job for later is in nobody's way.
    answer = await rest.expect(409, "POST", f"/v1/projects/{project['id']}/credentials/rotate", {"grace_hours": 1})
    assert answer["code"] == "in_grace"
    newest = await rotated(rest, project["id"])
    await is_refused(now)
    await is_let_in(before, owner)

    # Its hour has come.
    (expiry,) = [
        job
        for job in (await rest.expect(200, "GET", f"/v1/projects/{project['id']}/jobs"))["jobs"]
        if job["type"] == "project.expire_credential"
    ]
    assert expiry["state"] == "pending"
    async with session(before.direct) as left, session(before.pooled) as left_pooled:
        with closing(sqlite3.connect(stack.state / "capyd.sqlite", timeout=20)) as state, state:
            state.execute("UPDATE jobs SET run_after = 0 WHERE id = ?", [expiry["id"]])
        await projects.completed(rest, (await projects.enable(rest, project["id"], "hstore"))["id"])
        await projects.completed(rest, expiry["id"])
        for each in (left, left_pooled):
            with pytest.raises(psycopg.OperationalError):
                await each.execute("SELECT 1")
    await is_refused(before)
    await is_let_in(newest, owner)
    assert await ask(newest.direct, "SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'stray'") == owner
    assert await stack.administer("SELECT 1 FROM pg_roles WHERE rolname = %s", project["role_name"]) == []


async def test_what_has_leaked_ends_every_session(rest: Rest) -> None:
    project = await projects.create_ready(rest, "leaked")
    before = await projects.urls(rest, project["id"])
    now = await rotated(rest, project["id"], grace_hours=5)
    async with session(before.direct) as one, session(now.direct) as two, session(now.pooled) as three:
        newest = await rotated(rest, project["id"], leaked=True)
        for each in (one, two, three):
            with pytest.raises(psycopg.OperationalError):
                await each.execute("SELECT 1")
    await is_refused(before)
    await is_refused(now)
    await is_let_in(newest, f"{project['database_name']}_owner")
    # Nothing is left of the grace period.
    await rotated(rest, project["id"], grace_hours=1)


async def test_a_project_in_grace_is_deleted(stack: RunningStack, rest: Rest) -> None:
    project = await projects.create_ready(rest, "deleted in grace")
    urls = await rotated(rest, project["id"], grace_hours=5)
    await projects.completed(rest, (await projects.delete(rest, project["id"]))["id"])
    for role in (project["role_name"], parts(urls.direct)["user"]):
        assert await stack.administer("SELECT 1 FROM pg_roles WHERE rolname = %s", role) == []


async def test_a_password_that_the_tenant_chose_becomes_known_again(rest: Rest) -> None:
    project = await projects.create_ready(rest, "its own")
    urls = await projects.urls(rest, project["id"])
    await do(urls.direct, "SET ROLE NONE", "ALTER ROLE CURRENT_USER PASSWORD 'of-its-own'")
    now = await rotated(rest, project["id"])
    await is_let_in(now, f"{project['database_name']}_owner")


async def test_it_is_accepted_before_the_project_is_ready(rest: Rest) -> None:
    project, _ = await projects.create(rest, "not ready yet")
    urls = await rotated(rest, project["id"])
    await is_let_in(urls, f"{(await projects.get(rest, project['id']))['database_name']}_owner")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"grace_hours": -1}, "grace_hours"),
        ({"grace_hours": 721}, "grace_hours"),
        ({"grace_hours": "1"}, "grace_hours"),
        ({"grace_hours": 1, "leaked": True}, "grace_hours"),
        ({"leaked": 1}, "leaked"),
        ({"hours": 1}, "hours"),
    ],
)
async def test_a_bad_wish(rest: Rest, project: Json, body: Json, field: str) -> None:
    answer = await rest.expect(400, "POST", f"/v1/projects/{project['id']}/credentials/rotate", body)
    assert answer["field"] == field


@pytest.mark.parametrize(
    ("rotations", "seconds"), [(5, 4), pytest.param(50, 60, marks=pytest.mark.full)], ids=["short", "long"]
)
async def test_pooled_clients_under_load_notice_nothing(rest: Rest, rotations: int, seconds: int) -> None:
    project = await projects.create_ready(rest, "under load")
    urls = await projects.urls(rest, project["id"])
    # Debian's on both: the wheel's knows no TLS.
    pgbench = str(installations()["pg15"].bin_dir / "pgbench")
    made = await run(pgbench, "--initialize", "--quiet", urls.direct)
    assert made.returncode == 0, made.stderr
    load = asyncio.create_task(
        run(pgbench, "--client=8", f"--time={seconds}", "--protocol=simple", "--max-tries=1", urls.pooled)
    )
    await until(lambda: ask(urls.direct, "SELECT count(*) FROM pgbench_history"), lambda written: int(written) > 0)
    for _ in range(rotations):
        await rotated(rest, project["id"])
    done = await load
    assert done.returncode == 0, done.stderr
    assert re.search(r"number of failed transactions: 0 ", done.stdout), done.stdout
    assert "aborted" not in done.stderr


async def run(*argv: str) -> "Done":
    process = await asyncio.create_subprocess_exec(
        *argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    stdout, stderr = await process.communicate()
    return Done(process.returncode or 0, stdout.decode(), stderr.decode())


class Done:
    """A program that has ended."""

    def __init__(self, returncode: int, stdout: str, stderr: str) -> None:
        self.returncode = returncode
        self.stdout = stdout
        self.stderr = stderr
