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


async def test_a_project_that_has_not_failed_is_not_provisioned_again(rest: Rest, project: projects.Json) -> None:
    body = await rest.refused(409, "POST", f"/v1/projects/{project['id']}/retry-provisioning")
    assert "ready" in body["error"]


async def test_what_public_clients_send_beside(rest: Rest) -> None:
    project = await projects.create_ready(rest)
    # One node has no approvals: the parameter is accepted, as any that is unknown, and not read.
    path = f"/v1/projects/{project['id']}?approval_token=apr_1&unknown=1"
    await projects.completed(rest, (await rest.expect(202, "DELETE", path))["job"]["id"])
