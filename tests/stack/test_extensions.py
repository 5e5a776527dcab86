"""Extensions: from the catalogue alone, used by the tenant, and never dropped with what depends on them."""

import pytest

from tests.stack import projects
from tests.stack.rest import Rest
from tests.stack.running import RunningStack
from tests.stack.tenant import ask, session


async def disable(rest: Rest, project_id: str, extension: str) -> projects.Json:
    """The ended job."""
    job = (await rest.expect(202, "DELETE", f"/v1/projects/{project_id}/extensions/{extension}"))["job"]
    return await projects.final(rest, job["id"])


async def listed(rest: Rest, project_id: str) -> dict[str, projects.Json]:
    """The project's extensions by name."""
    found = (await rest.expect(200, "GET", f"/v1/projects/{project_id}/extensions"))["extensions"]
    return {extension["name"]: extension for extension in found}


async def test_postgis(stack: RunningStack, rest: Rest) -> None:
    project = await projects.create_ready(rest)
    (cluster,) = (await rest.expect(200, "GET", "/v1/clusters"))["clusters"]
    if "postgis" not in cluster["extensions"]:
        assert stack.major == "18"  # the wheel has none; Debian's 15 must
        body = await rest.refused(400, "POST", f"/v1/projects/{project['id']}/extensions", {"name": "postgis"})
        assert body["field"] == "name"
        return
    pooled = (await projects.urls(rest, project["id"])).pooled
    before = (await listed(rest, project["id"]))["postgis"]
    assert (before["enabled"], before["trusted"]) == (False, False)

    await projects.completed(rest, (await projects.enable(rest, project["id"], "postgis"))["id"])
    assert await ask(pooled, "SELECT ST_AsText(ST_MakePoint(1, 2))") == "POINT(1 2)"
    after = (await listed(rest, project["id"]))["postgis"]
    assert (after["enabled"], after["installed_version"]) == (True, after["available_version"])
    assert after["update_available"] is False

    assert (await disable(rest, project["id"], "postgis"))["state"] == "completed"
    assert (await listed(rest, project["id"]))["postgis"]["enabled"] is False


async def test_what_depends_on_it_keeps_an_extension(rest: Rest) -> None:
    project = await projects.create_ready(rest)
    urls = await projects.urls(rest, project["id"])
    await projects.completed(rest, (await projects.enable(rest, project["id"], "citext"))["id"])
    async with session(urls.direct) as direct:
        await direct.execute("CREATE TABLE readers (email citext)")

    job = await disable(rest, project["id"], "citext")
    assert (job["state"], job["retry_classification"], job["attempts"]) == ("failed", "permanent", 1)
    assert job["last_exit_code"] != 0
    assert "cannot drop extension citext" in job["last_stderr"]
    assert "column email of table public.readers depends on type public.citext" in job["last_stderr"]
    assert "2BP01" in job["last_stderr"]
    assert "citext" in job["error"]
    assert "\n" not in job["error"]
    assert await ask(urls.direct, "SELECT count(*) FROM readers") == 0
    # The project goes on, and so does its queue.
    assert (await projects.get(rest, project["id"]))["state"] == "ready"
    await projects.completed(rest, (await projects.enable(rest, project["id"], "hstore"))["id"])


async def test_update(rest: Rest) -> None:
    project = await projects.create_ready(rest)
    path = f"/v1/projects/{project['id']}/extensions/pg_trgm/update"
    job = (await rest.expect(202, "POST", path))["job"]
    assert job["type"] == "project.extension_update"
    await projects.completed(rest, job["id"])


@pytest.mark.parametrize(
    "name", ["file_fdw", "plpython3u", "no_such_thing", "", "citext; DROP", "CITEXT", "a" * 10_000]
)
async def test_outside_the_catalogue(rest: Rest, project: projects.Json, name: str) -> None:
    body = await rest.refused(400, "POST", f"/v1/projects/{project['id']}/extensions", {"name": name})
    assert body["field"] == "name"
    assert "citext" in body["error"]  # what would be right


async def test_what_the_tenant_enabled_itself_is_listed(rest: Rest) -> None:
    project = await projects.create_ready(rest)
    async with session((await projects.urls(rest, project["id"])).direct) as direct:
        await direct.execute("CREATE EXTENSION ltree")
    assert (await listed(rest, project["id"]))["ltree"]["enabled"] is True
