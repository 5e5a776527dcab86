"""PATCH: what is stored, what is refused, and what PostgreSQL is told."""

import pytest

from tests.stack import projects
from tests.stack.polling import until
from tests.stack.rest import Rest
from tests.stack.running import RunningStack
from tests.stack.tenant import ask, refusal, session, value


async def patch(rest: Rest, project_id: str, **fields: object) -> projects.Json:
    """The project as it is answered."""
    return (await rest.expect(200, "PATCH", f"/v1/projects/{project_id}", fields))["project"]


async def test_environment_derives_always_on(rest: Rest) -> None:
    created = await projects.create_ready(rest)
    assert (created["environment"], created["always_on"]) == ("production", True)
    other = await patch(rest, created["id"], environment="non_production")
    assert (other["environment"], other["always_on"]) == ("non_production", False)
    both = await patch(rest, created["id"], environment="production", always_on=False)
    assert (both["environment"], both["always_on"]) == ("production", False)
    alone = await patch(rest, created["id"], always_on=True)
    assert (alone["environment"], alone["always_on"]) == ("production", True)


async def test_nothing_in_nothing_changed(rest: Rest, project: projects.Json) -> None:
    project = await projects.get(rest, project["id"])
    as_it_is = {"name": project["name"], "max_connections": project["max_connections"], "statement_timeout": "30s"}
    for nothing in ({}, as_it_is):
        assert await patch(rest, project["id"], **nothing) == project
    assert await projects.get(rest, project["id"]) == project


async def test_a_name_changes_and_the_slug_stays(rest: Rest) -> None:
    created = await projects.create_ready(rest, "Before")
    renamed = await patch(rest, created["id"], name="After")
    assert (renamed["name"], renamed["slug"]) == ("After", created["slug"])
    assert renamed["latest_job_id"] == created["latest_job_id"]  # nothing for PostgreSQL to learn
    assert await projects.get(rest, created["id"]) == renamed


@pytest.mark.parametrize(
    ("field", "wanted"),
    [("max_connections", 16), ("statement_timeout", "31s"), ("idle_transaction_timeout", "2m")],
)
async def test_beyond_the_plan(rest: Rest, project: projects.Json, field: str, wanted: object) -> None:
    project = await projects.get(rest, project["id"])
    body = await rest.refused(409, "PATCH", f"/v1/projects/{project['id']}", {field: wanted})
    assert (body["code"], body["field"]) == ("beyond_plan", field)
    assert "vibe" in body["error"]
    assert await projects.get(rest, project["id"]) == project


async def test_one_refused_value_refuses_all(rest: Rest, project: projects.Json) -> None:
    project = await projects.get(rest, project["id"])
    await rest.refused(409, "PATCH", f"/v1/projects/{project['id']}", {"name": "renamed", "max_connections": 16})
    assert await projects.get(rest, project["id"]) == project


async def test_limits_arrive_in_direct_and_pooled_sessions(stack: RunningStack, rest: Rest) -> None:
    created = await projects.create_ready(rest)
    urls = await projects.urls(rest, created["id"])
    statement, idle = "SHOW statement_timeout", "SHOW idle_in_transaction_session_timeout"
    assert (await ask(urls.direct, statement), await ask(urls.direct, idle)) == ("30s", "1min")
    async with session(urls.pooled) as pooled:
        assert await value(pooled, statement) == "30s"
        changed = await patch(
            rest, created["id"], max_connections=4, statement_timeout="5s", idle_transaction_timeout="1500ms"
        )
        assert (changed["max_connections"], changed["statement_timeout"]) == (4, "5s")
        assert changed["idle_transaction_timeout"] == "1500ms"
        job = await projects.completed(rest, changed["latest_job_id"])
        assert job["type"] == "project.apply_settings"
        assert (await ask(urls.direct, statement), await ask(urls.direct, idle)) == ("5s", "1500ms")
        assert (await ask(urls.pooled, statement), await ask(urls.pooled, idle)) == ("5s", "1500ms")
        # The client that was connected all the while meets a server connection that has them too.
        await until(lambda: value(pooled, statement), lambda shown: shown == "5s")
    limits = await stack.administer(
        "SELECT datconnlimit, rolconnlimit FROM pg_database JOIN pg_roles ON rolname = datname WHERE datname = %s",
        created["database_name"],
    )
    assert limits == [(4, 4)]


async def test_the_limit_of_connections_binds(rest: Rest) -> None:
    created = await projects.create_ready(rest)
    urls = await projects.urls(rest, created["id"])
    changed = await patch(rest, created["id"], max_connections=1)
    await projects.completed(rest, changed["latest_job_id"])
    async with session(urls.direct):
        assert "too many connections" in await refusal(urls.direct)
