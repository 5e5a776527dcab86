"""The eight operations of the public Projects page, over REST, and what they do to the cluster."""

from tests.stack import projects, shapes
from tests.stack.rest import Rest
from tests.stack.running import RunningStack
from tests.stack.tenant import ask, parts, refusal, session, value


async def test_a_project_from_create_to_delete(stack: RunningStack, rest: Rest) -> None:
    created, job = await projects.create(rest, "Life of a project", environment="non_production")
    shapes.check_new_project(created)
    shapes.check_new_job(job, "project.provision")
    assert created["latest_job_id"] == job["id"]
    assert job["project_id"] == created["id"]

    shapes.check_completed_job(await projects.completed(rest, job["id"]), "project.provision")
    project = await projects.get(rest, created["id"])
    shapes.check_ready_project(project)
    assert project["organization_id"] == stack.organization_id
    assert project["cluster_id"] == stack.ready["cluster_id"]
    assert project["postgres_version"] == stack.major
    assert (project["environment"], project["always_on"]) == ("non_production", False)
    assert (project["slug"], project["name"]) == ("life-of-a-project", "Life of a project")
    assert (project["plan"], project["max_connections"], project["storage_limit_bytes"]) == ("vibe", 15, 5 * 1024**3)
    assert (project["statement_timeout"], project["idle_transaction_timeout"]) == ("30s", "60s")
    assert project in await projects.list_projects(rest)

    urls = await projects.urls(rest, project["id"])
    deletion = await projects.delete(rest, project["id"])
    shapes.check_new_job(deletion, "project.delete")
    shapes.check_completed_job(await projects.completed(rest, deletion["id"]), "project.delete")

    await rest.refused(404, "GET", f"/v1/projects/{project['id']}")
    assert project["id"] not in [listed["id"] for listed in await projects.list_projects(rest)]
    assert (await projects.get_job(rest, job["id"]))["state"] == "completed"
    left = (
        "SELECT datname FROM pg_database WHERE datname = %s UNION ALL SELECT rolname FROM pg_roles WHERE rolname ~ %s"
    )
    assert await stack.administer(left, project["database_name"], project["database_name"]) == []
    assert "authentication failed" in await refusal(urls.direct)
    await refusal(urls.pooled)


async def test_both_urls_are_the_same_role_and_database(rest: Rest, project: projects.Json) -> None:
    connections = (await rest.expect(200, "GET", f"/v1/projects/{project['id']}/connections"))["connections"]
    assert connections["username"] == project["role_name"]
    direct, pooled = parts(connections["direct_url"]), parts(connections["pooled_url"])
    # Each URL says what its own listener demands.
    assert {**direct, "port": pooled["port"], "sslmode": pooled["sslmode"]} == pooled
    assert (direct["user"], direct["dbname"]) == (project["role_name"], project["database_name"])
    assert (direct["port"], pooled["port"]) == (str(project["direct_port"]), str(project["pooled_port"]))
    assert direct["sslmode"] == project["ssl_mode"]
    for url in (connections["direct_url"], connections["pooled_url"]):
        assert url.startswith("postgresql://")
        assert await ask(url, "SELECT session_user || '@' || current_database()") == (
            f"{project['role_name']}@{project['database_name']}"
        )


async def test_the_pooler_pools_transactions(rest: Rest, project: projects.Json) -> None:
    url = (await projects.urls(rest, project["id"])).pooled
    backend = "SELECT pg_backend_pid()"
    async with session(url) as one, session(url) as another:
        shared = await value(one, backend)
        assert await value(another, backend) == shared
        async with one.transaction():
            mine = await value(one, backend)
            assert await value(another, backend) != mine


async def test_the_tenant_builds_what_it_likes_in_its_database(rest: Rest) -> None:
    project = await projects.create_ready(rest)
    urls = await projects.urls(rest, project["id"])
    async with session(urls.direct) as direct:
        await direct.execute("CREATE TABLE kept (n integer)")
        await direct.execute("CREATE SCHEMA app CREATE TABLE things (id serial PRIMARY KEY, label text)")
        await direct.execute("CREATE FUNCTION app.twice(n integer) RETURNS integer LANGUAGE sql RETURN 2 * n")
        await direct.execute("CREATE EXTENSION hstore")
    async with session(urls.pooled) as pooled:
        # What one way makes, the other owns too.
        await pooled.execute("INSERT INTO app.things (label) VALUES ('through the pool')")
        await pooled.execute("ALTER TABLE kept ADD COLUMN more text")
        await pooled.execute("DROP TABLE kept")
        assert await value(pooled, "SELECT app.twice(count(*)::integer) FROM app.things") == 2


async def test_a_new_project_starts_with_the_default_extensions(stack: RunningStack, project: projects.Json) -> None:
    listed = (await stack.rest.expect(200, "GET", f"/v1/projects/{project['id']}/extensions"))["extensions"]
    for extension in listed:
        shapes.check_extension(extension)
    (cluster,) = (await stack.rest.expect(200, "GET", "/v1/clusters"))["clusters"]
    assert [extension["name"] for extension in listed] == cluster["extensions"]
    enabled = {extension["name"] for extension in listed if extension["enabled"]}
    assert enabled == {"vector", "pgcrypto", "uuid-ossp", "pg_trgm"} & set(cluster["extensions"])


async def test_an_extension_is_enabled_and_disabled(rest: Rest) -> None:
    project = await projects.create_ready(rest)
    path = f"/v1/projects/{project['id']}/extensions"

    async def is_enabled() -> bool:
        listed = (await rest.expect(200, "GET", path))["extensions"]
        return next(extension["enabled"] for extension in listed if extension["name"] == "citext")

    assert not await is_enabled()
    enabling = await projects.enable(rest, project["id"], "citext")
    shapes.check_new_job(enabling, "project.extension_enable")
    shapes.check_completed_job(await projects.completed(rest, enabling["id"]), "project.extension_enable")
    assert await is_enabled()
    again = await projects.enable(rest, project["id"], "citext")
    await projects.completed(rest, again["id"])

    disabling = (await rest.expect(202, "DELETE", f"{path}/citext"))["job"]
    shapes.check_new_job(disabling, "project.extension_disable")
    shapes.check_completed_job(await projects.completed(rest, disabling["id"]), "project.extension_disable")
    assert not await is_enabled()
