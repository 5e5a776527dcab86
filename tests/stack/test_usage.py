"""`GET /v1/organizations/{org}/usage`."""

from tests.stack import projects
from tests.stack.polling import until
from tests.stack.projects import Json
from tests.stack.rest import Rest
from tests.stack.running import OtherOrganization, RunningStack
from tests.stack.tenant import session

FIELDS = {
    "organization_id",
    "plan",
    "projects",
    "storage_bytes",
    "storage_limit_bytes",
    "connections",
    "max_connections",
}


async def usage(stack: RunningStack) -> Json:
    found: Json = (await stack.rest.expect(200, "GET", f"/v1/organizations/{stack.organization_id}/usage"))["usage"]
    return found


async def test_a_row_a_project_and_their_sum(stack: RunningStack, rest: Rest) -> None:
    project = await projects.create_ready(rest, "measured")

    async def row() -> Json:
        return next(row for row in (await usage(stack))["per_project"] if row["project_id"] == project["id"])

    found = await until(row, lambda it: "measured_at" in it)
    assert found["slug"] == project["slug"]
    assert found["storage_bytes"] > 1 << 20
    assert found["storage_limit_bytes"] == project["storage_limit_bytes"]
    assert found["max_connections"] == project["max_connections"]
    async with session((await projects.urls(rest, project["id"])).direct):
        assert (await until(row, lambda it: it["connections"] > 0))["connections"] == 1
    whole = await usage(stack)
    assert whole.keys() == FIELDS | {"per_project"}
    assert whole["projects"] == len(whole["per_project"])
    assert whole["plan"] == project["plan"]
    assert whole["storage_bytes"] == sum(it["storage_bytes"] for it in whole["per_project"])


async def test_another_organizations_is_not_there(stack: RunningStack, other: OtherOrganization) -> None:
    await other.rest.expect(404, "GET", f"/v1/organizations/{stack.organization_id}/usage")
    found = (await other.rest.expect(200, "GET", f"/v1/organizations/{other.organization_id}/usage"))["usage"]
    assert {row["project_id"] for row in found["per_project"]} == {
        it["id"] for it in await projects.list_projects(other.rest)
    }
