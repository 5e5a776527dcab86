"""The same eight operations over gRPC, and what the gRPC face has beside them."""

from collections.abc import AsyncIterator

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from capyd.v1 import (
    extensions_pb2,
    extensions_pb2_grpc,
    jobs_pb2,
    jobs_pb2_grpc,
    projects_pb2,
    projects_pb2_grpc,
)
from tests.stack.grpc_errors import refused
from tests.stack.running import RunningStack
from tests.stack.tenant import ask

SERVICES = {
    f"capyd.v1.{name}Service" for name in ("Project", "Extension", "Job", "Organization", "Cluster", "Audit")
} | {
    "grpc.health.v1.Health",
    "grpc.reflection.v1alpha.ServerReflection",
}


async def watch(stack: RunningStack, job_id: str) -> list[jobs_pb2.Job]:
    """Every state of the job that the stream shows, until it ends by itself."""
    stream = jobs_pb2_grpc.JobServiceStub(stack.api).WatchJob(jobs_pb2.WatchJobRequest(job_id=job_id), timeout=60)
    return [response.job async for response in stream]


async def test_a_project_from_create_to_delete(stack: RunningStack) -> None:
    service = projects_pb2_grpc.ProjectServiceStub(stack.api)
    extensions = extensions_pb2_grpc.ExtensionServiceStub(stack.api)

    created = await service.CreateProject(projects_pb2.CreateProjectRequest(name="over gRPC"))
    assert created.project.state == "provisioning"
    assert not created.project.HasField("database_name")
    seen = await watch(stack, created.job.id)
    assert seen[-1].state == "completed"
    assert [job.state for job in seen if job.state == "completed"] == ["completed"]
    one = projects_pb2.GetProjectRequest(project_id=created.project.id)

    project = (await service.GetProject(one)).project
    assert project.state == "ready"
    assert project.storage_limit_bytes == 5 * 1024**3
    assert project in (await service.ListProjects(projects_pb2.ListProjectsRequest())).projects

    connections = (await service.GetConnections(projects_pb2.GetConnectionsRequest(project_id=project.id))).connections
    assert await ask(connections.direct_url, "SELECT session_user") == project.role_name
    assert await ask(connections.pooled_url, "SELECT session_user") == project.role_name

    changed = await service.UpdateProject(
        projects_pb2.UpdateProjectRequest(project_id=project.id, environment="non_production")
    )
    assert (changed.project.environment, changed.project.always_on) == ("non_production", False)

    enabling = await extensions.EnableExtension(
        extensions_pb2.EnableExtensionRequest(project_id=project.id, name="citext")
    )
    assert (await watch(stack, enabling.job.id))[-1].state == "completed"
    listed = await extensions.ListExtensions(extensions_pb2.ListExtensionsRequest(project_id=project.id))
    assert "citext" in [extension.name for extension in listed.extensions if extension.enabled]
    disabling = await extensions.DisableExtension(
        extensions_pb2.DisableExtensionRequest(project_id=project.id, name="citext")
    )
    assert (await watch(stack, disabling.job.id))[-1].state == "completed"

    retry = await refused(service.RetryProvisioning(projects_pb2.RetryProvisioningRequest(project_id=project.id)))
    assert retry.code is grpc.StatusCode.FAILED_PRECONDITION

    deletion = await service.DeleteProject(projects_pb2.DeleteProjectRequest(project_id=project.id))
    assert (await watch(stack, deletion.job.id))[-1].state == "completed"
    gone = await refused(service.GetProject(one))
    assert (gone.code, gone.reason) == (grpc.StatusCode.NOT_FOUND, "not_found")


async def test_a_finished_job_is_watched_in_one_message(stack: RunningStack) -> None:
    service = projects_pb2_grpc.ProjectServiceStub(stack.api)
    created = await service.CreateProject(projects_pb2.CreateProjectRequest(name="watched twice"))
    last = (await watch(stack, created.job.id))[-1]
    assert await watch(stack, created.job.id) == [last]


async def test_pages_follow_each_other_without_gap(stack: RunningStack) -> None:
    service = projects_pb2_grpc.ProjectServiceStub(stack.api)
    for number in range(3):
        await service.CreateProject(projects_pb2.CreateProjectRequest(name=f"page {number}"))
    whole = await service.ListProjects(projects_pb2.ListProjectsRequest(page_size=1000))
    assert whole.next_page_token == ""
    paged, token = [], ""
    while True:
        page = await service.ListProjects(projects_pb2.ListProjectsRequest(page_size=2, page_token=token))
        assert len(page.projects) <= 2
        paged += [project.id for project in page.projects]
        token = page.next_page_token
        if not token:
            break
    assert paged == [project.id for project in whole.projects]


async def test_health_is_served_without_a_token(stack: RunningStack) -> None:
    async with grpc.aio.insecure_channel(stack.ready["grpc_target"]) as anonymous:
        health = health_pb2_grpc.HealthStub(anonymous)
        for name in ("", "capyd.v1.ProjectService"):
            answer = await health.Check(health_pb2.HealthCheckRequest(service=name))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_reflection_lists_every_service(stack: RunningStack) -> None:
    async def asking() -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")

    stub = reflection_pb2_grpc.ServerReflectionStub(stack.admin)
    (answer,) = [answer async for answer in stub.ServerReflectionInfo(asking())]
    assert {service.name for service in answer.list_services_response.service} == SERVICES
