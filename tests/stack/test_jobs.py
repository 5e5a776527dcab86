"""Jobs and connections as clients poll them."""

import pytest

from tests.stack import projects, shapes
from tests.stack.rest import Rest
from tests.stack.running import OtherOrganization


async def test_a_projects_jobs_are_listed_newest_first(rest: Rest) -> None:
    project, provisioning = await projects.create(rest)
    enabling = await projects.enable(rest, project["id"], "citext")
    await projects.completed(rest, enabling["id"])
    path = f"/v1/projects/{project['id']}/jobs"
    jobs = (await rest.expect(200, "GET", path))["jobs"]
    assert [job["id"] for job in jobs] == [enabling["id"], provisioning["id"]]
    for job in jobs:
        shapes.check_completed_job(job, job["type"])
        assert job == await projects.get_job(rest, job["id"])
    assert (await rest.expect(200, "GET", f"{path}?limit=1"))["jobs"] == jobs[:1]
    assert (await projects.get(rest, project["id"]))["latest_job_id"] == enabling["id"]


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "many", "1.0", ""])
async def test_a_limit_that_cannot_be(rest: Rest, project: projects.Json, limit: str) -> None:
    body = await rest.refused(400, "GET", f"/v1/projects/{project['id']}/jobs?limit={limit}")
    assert body["field"] == "limit"


async def test_another_organizations_job_is_not_there(
    rest: Rest, other: OtherOrganization, foreign: projects.Json
) -> None:
    path = f"/v1/jobs/{foreign['latest_job_id']}"
    assert (await other.rest.expect(200, "GET", path))["job"]["state"] == "completed"
    theirs = await rest.refused(404, "GET", path)
    nobodys = await rest.refused(404, "GET", "/v1/jobs/job_nobodys")
    assert theirs["error"].replace(foreign["latest_job_id"], "job_nobodys") == nobodys["error"]
