"""Conflicting requests queue in the order of acceptance; only a project that is being deleted refuses."""

from tests.stack import projects
from tests.stack.rest import Rest
from tests.stack.running import RunningStack


async def test_an_extension_is_enabled_on_a_project_that_is_not_ready(rest: Rest) -> None:
    project, provisioning = await projects.create(rest)
    enabling = await projects.enable(rest, project["id"], "citext")
    disabling = (await rest.expect(202, "DELETE", f"/v1/projects/{project['id']}/extensions/citext"))["job"]
    jobs = [await projects.completed(rest, job["id"]) for job in (provisioning, enabling, disabling)]
    # RFC 3339 in UTC with one number of digits sorts as text, as far as the microseconds are printed.
    assert jobs[0]["completed_at"] <= jobs[1]["started_at"]
    assert jobs[1]["completed_at"] <= jobs[2]["started_at"]


async def test_a_change_is_accepted_on_a_project_that_is_not_ready(stack: RunningStack, rest: Rest) -> None:
    project, _ = await projects.create(rest)
    changed = await rest.expect(200, "PATCH", f"/v1/projects/{project['id']}", {"max_connections": 3})
    assert changed["project"]["max_connections"] == 3
    await projects.completed(rest, changed["project"]["latest_job_id"])
    ready = await projects.get(rest, project["id"])
    assert (ready["state"], ready["max_connections"]) == ("ready", 3)
    assert await stack.administer(
        "SELECT datconnlimit FROM pg_database WHERE datname = %s", ready["database_name"]
    ) == [(3,)]


async def test_a_project_is_deleted_right_after_its_creation(stack: RunningStack, rest: Rest) -> None:
    project, provisioning = await projects.create(rest)
    enabling = await projects.enable(rest, project["id"], "citext")
    deletion = await projects.delete(rest, project["id"])
    await projects.completed(rest, deletion["id"])
    await rest.refused(404, "GET", f"/v1/projects/{project['id']}")
    for job in (provisioning, enabling):
        ended = await projects.final(rest, job["id"])
        assert ended["state"] == "completed" or "superseded" in ended["error"]
    assert await stack.administer("SELECT 1 FROM capyd.tenants WHERE project_id = %s", project["id"]) == []


async def test_deleting_twice_is_one_job(rest: Rest) -> None:
    project = await projects.create_ready(rest)
    first = await projects.delete(rest, project["id"])
    reply = await rest.send("DELETE", f"/v1/projects/{project['id']}")
    # The job may have ended in between, and then there is nothing left to delete.
    assert (reply.status == 202 and reply.json["job"]["id"] == first["id"]) or reply.status == 404
    await projects.completed(rest, first["id"])
    await rest.refused(404, "DELETE", f"/v1/projects/{project['id']}")


async def test_a_project_that_has_not_failed_is_not_provisioned_again(rest: Rest, project: projects.Json) -> None:
    body = await rest.refused(409, "POST", f"/v1/projects/{project['id']}/retry-provisioning")
    assert "ready" in body["error"]


async def test_a_provisioning_that_runs_is_the_retry(rest: Rest) -> None:
    project, provisioning = await projects.create(rest)
    reply = await rest.send("POST", f"/v1/projects/{project['id']}/retry-provisioning")
    # It may have become ready in between, and then there is nothing to retry.
    assert (reply.status == 202 and reply.json["job"]["id"] == provisioning["id"]) or reply.status == 409
    await projects.completed(rest, provisioning["id"])
