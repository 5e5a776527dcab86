"""A client that goes away in the middle of a change: it is done wholly or not at all, and asking again does it once."""

import asyncio
from collections import Counter

import grpc
import pytest

from capyd.v1 import organizations_pb2, organizations_pb2_grpc, projects_pb2, projects_pb2_grpc
from tests.stack import projects
from tests.stack.running import RunningStack

# Before it is sent, on its way, in the transaction, after it.
MOMENTS = [0.0, 0.0005, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.006, 0.01, 0.02]


async def cancelled_after(call: grpc.aio.UnaryUnaryCall, seconds: float) -> None:
    """Let go of the call at that moment, whether it is over or not."""
    await asyncio.sleep(seconds)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)


@pytest.mark.parametrize("by_deadline", [False, True], ids=["cancelled", "deadline"])
async def test_keys(stack: RunningStack, by_deadline: bool) -> None:
    service = organizations_pb2_grpc.OrganizationServiceStub(stack.admin)
    names = [f"let go {by_deadline} {number}" for number in range(len(MOMENTS))]
    asked = [
        organizations_pb2.CreateApiKeyRequest(
            organization_id=stack.organization_id, name=name, scopes=["jobs:read"], request_id=name
        )
        for name in names
    ]
    for request, moment in zip(asked, MOMENTS, strict=True):
        if by_deadline:
            await asyncio.gather(service.CreateApiKey(request, timeout=max(moment, 1e-4)), return_exceptions=True)
        else:
            await cancelled_after(service.CreateApiKey(request), moment)
    again = [(await service.CreateApiKey(request)).api_key.id for request in asked]
    listed = await service.ListApiKeys(
        organizations_pb2.ListApiKeysRequest(organization_id=stack.organization_id, page_size=1000)
    )
    found = [key for key in listed.api_keys if key.name in names]
    assert Counter(key.name for key in found) == Counter(names)
    assert sorted(key.id for key in found) == sorted(again)


async def test_changes_of_a_project(stack: RunningStack, project: projects.Json) -> None:
    service = projects_pb2_grpc.ProjectServiceStub(stack.api)
    for number, moment in enumerate(MOMENTS):
        before = await projects.get(stack.rest, project["id"])
        wanted = 3 + number
        await cancelled_after(
            service.UpdateProject(projects_pb2.UpdateProjectRequest(project_id=project["id"], max_connections=wanted)),
            moment,
        )
        # A later change waits for the one that is still being made.
        await service.UpdateProject(projects_pb2.UpdateProjectRequest(project_id=project["id"], name="shared"))
        after = await projects.get(stack.rest, project["id"])
        # The desired value and the job that applies it, or neither.
        assert (after["max_connections"] == wanted) == (after["latest_job_id"] != before["latest_job_id"])
        assert after["max_connections"] in (wanted, before["max_connections"])
    restored = await service.UpdateProject(
        projects_pb2.UpdateProjectRequest(project_id=project["id"], max_connections=project["max_connections"])
    )
    await projects.completed(stack.rest, restored.project.latest_job_id)
