"""What nearly every test does: create a project, wait for a job, open its URLs."""

from typing import Any, NamedTuple

from tests.stack.polling import until
from tests.stack.rest import Rest

Json = dict[str, Any]


class Urls(NamedTuple):
    """How to reach a project."""

    direct: str
    pooled: str


async def create(rest: Rest, name: str = "a project", **fields: object) -> tuple[Json, Json]:
    """An accepted project and its job."""
    created = await rest.expect(201, "POST", "/v1/projects", {"name": name, **fields})
    return created["project"], created["job"]


async def create_ready(rest: Rest, name: str = "a project", **fields: object) -> Json:
    """A project that can be used."""
    project, job = await create(rest, name, **fields)
    await completed(rest, job["id"])
    return await get(rest, project["id"])


async def get(rest: Rest, project_id: str) -> Json:
    """The project."""
    return (await rest.expect(200, "GET", f"/v1/projects/{project_id}"))["project"]


async def list_projects(rest: Rest) -> list[Json]:
    """All projects of the caller's organization."""
    return (await rest.expect(200, "GET", "/v1/projects"))["projects"]


async def delete(rest: Rest, project_id: str) -> Json:
    """The accepted job."""
    return (await rest.expect(202, "DELETE", f"/v1/projects/{project_id}"))["job"]


async def get_job(rest: Rest, job_id: str) -> Json:
    """The job."""
    return (await rest.expect(200, "GET", f"/v1/jobs/{job_id}"))["job"]


async def final(rest: Rest, job_id: str) -> Json:
    """The job once it is completed or failed."""
    return await until(lambda: get_job(rest, job_id), lambda job: job["state"] in ("completed", "failed"))


async def completed(rest: Rest, job_id: str) -> Json:
    """The job once it is completed."""
    job = await final(rest, job_id)
    assert job["state"] == "completed", job
    return job


async def urls(rest: Rest, project_id: str) -> Urls:
    """The project's connection URLs."""
    found = (await rest.expect(200, "GET", f"/v1/projects/{project_id}/connections"))["connections"]
    return Urls(found["direct_url"], found["pooled_url"])


async def enable(rest: Rest, project_id: str, extension: str) -> Json:
    """The accepted job."""
    return (await rest.expect(202, "POST", f"/v1/projects/{project_id}/extensions", {"name": extension}))["job"]
