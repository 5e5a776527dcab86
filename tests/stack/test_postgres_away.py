"""While PostgreSQL is away requests are accepted, jobs wait and say why, and the state is read as ever."""

from grpc_health.v1 import health_pb2, health_pb2_grpc

from capyd.v1 import extensions_pb2, extensions_pb2_grpc
from tests.stack import projects
from tests.stack.accidents import check_all_is_well, without_postgres
from tests.stack.grpc_errors import refused
from tests.stack.polling import until
from tests.stack.running import RunningStack


async def serving(stack: RunningStack, service: str) -> bool:
    """What grpc.health.v1 says of it."""
    request = health_pb2.HealthCheckRequest(service=service)
    answer = await health_pb2_grpc.HealthStub(stack.admin).Check(request)
    return answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_postgres_goes_and_comes_back(mortal: RunningStack) -> None:
    rest = mortal.rest
    present = await projects.create_ready(rest, "was there before")
    await mortal.spares()
    path = f"/v1/projects/{present['id']}"

    async with without_postgres(mortal):
        accepted, provisioning = await projects.create(rest, "accepted meanwhile")
        assert accepted["postgres_version"] == mortal.major
        enabling = await projects.enable(rest, present["id"], "citext")
        changed = (await rest.expect(200, "PATCH", path, {"max_connections": 5}))["project"]
        assert changed["max_connections"] == 5
        waiting = [provisioning["id"], enabling["id"], changed["latest_job_id"]]

        # The first of each project's queue has been tried, and says what it waits for.
        for job_id in waiting[:2]:
            job = await until(lambda job_id=job_id: projects.get_job(rest, job_id), lambda job: "error" in job)
            assert (job["state"], job["retry_classification"]) == ("pending", "transient")
            assert "PostgreSQL" in job["error"]
            assert job["attempts"] == 0

        assert (await projects.get(rest, present["id"]))["state"] == "ready"
        assert len(await projects.list_projects(rest)) >= 2
        assert (await projects.urls(rest, present["id"])).direct.startswith("postgresql://")
        assert (await rest.refused(409, "GET", f"/v1/projects/{accepted['id']}/connections"))["error"]
        assert len((await rest.expect(200, "GET", f"{path}/jobs"))["jobs"]) == 3

        status = await rest.expect(200, "GET", "/status")
        health = {part["name"]: part["status"] for part in status["components"]}
        assert (status["status"], health["api"], health["postgres"]) == ("degraded", "operational", "down")
        (cluster,) = (await rest.expect(200, "GET", "/v1/clusters"))["clusters"]
        assert cluster["state"] == "unreachable"

        assert await serving(mortal, "capyd.v1.ExtensionService") is False
        assert await serving(mortal, "capyd.v1.ProjectService") is True
        assert await serving(mortal, "") is True
        reply = await rest.send("GET", f"{path}/extensions")
        assert reply.status == 503
        assert int(reply.headers["Retry-After"]) > 0
        service = extensions_pb2_grpc.ExtensionServiceStub(mortal.api)
        refusal = await refused(service.ListExtensions(extensions_pb2.ListExtensionsRequest(project_id=present["id"])))
        assert (refusal.reason, refusal.retry_seconds is not None) == ("unavailable", True)
        assert "PostgreSQL" in refusal.message

    await until(lambda: serving(mortal, "capyd.v1.ExtensionService"))
    for job_id in waiting:
        job = await projects.completed(rest, job_id)
        assert (job["attempts"], job.get("error")) == (1, None)
    await check_all_is_well(mortal, [present, accepted])
    assert (await rest.expect(200, "GET", "/status"))["status"] == "operational"


async def test_what_waits_is_deleted_before_it_was_there(mortal: RunningStack) -> None:
    rest = mortal.rest
    async with without_postgres(mortal):
        doomed, provisioning = await projects.create(rest, "never there")
        path = f"/v1/projects/{doomed['id']}"
        retry = (await rest.expect(202, "POST", f"{path}/retry-provisioning"))["job"]
        assert retry["id"] == provisioning["id"]  # it is under way
        enabling = await projects.enable(rest, doomed["id"], "citext")
        await until(lambda: projects.get_job(rest, provisioning["id"]), lambda job: "error" in job)

        deletion = await projects.delete(rest, doomed["id"])
        assert (await projects.delete(rest, doomed["id"]))["id"] == deletion["id"]
        for job in (provisioning, enabling):
            superseded = await projects.get_job(rest, job["id"])
            assert (superseded["state"], superseded["error"]) == ("failed", "superseded by the project's deletion")
        deleting = await projects.get(rest, doomed["id"])
        assert (deleting["state"], deleting["latest_job_id"]) == ("deleting", deletion["id"])
        for verb, below, body in (
            ("PATCH", "", {"name": "too late"}),
            ("POST", "/extensions", {"name": "citext"}),
            ("DELETE", "/extensions/vector", None),
            ("GET", "/connections", None),
            ("POST", "/retry-provisioning", None),
        ):
            await rest.refused(409, verb, path + below, body)

    job = await projects.completed(rest, deletion["id"])
    assert job["attempts"] == 1
    await rest.refused(404, "GET", path)
    await rest.refused(404, "DELETE", path)
    assert await mortal.administer("SELECT 1 FROM capyd.tenants WHERE project_id = %s", doomed["id"]) == []
