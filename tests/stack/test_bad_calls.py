"""The same wrong values over gRPC: the canonical code, a reason, and the field at fault."""

from collections.abc import Callable
from typing import Any, NamedTuple

import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from capyd.client.channel import open_channel
from capyd.v1 import (
    cluster_pb2,
    cluster_pb2_grpc,
    extensions_pb2,
    extensions_pb2_grpc,
    jobs_pb2,
    jobs_pb2_grpc,
    organizations_pb2,
    organizations_pb2_grpc,
    projects_pb2,
    projects_pb2_grpc,
)
from tests.stack import projects
from tests.stack.grpc_errors import refused
from tests.stack.running import RunningStack

pytestmark = pytest.mark.usefixtures("nothing_is_done")

Code = grpc.StatusCode


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", ""),
        ("name", "  "),
        ("name", "a" * 101),
        ("name", "two\nlines"),
        ("name", "nul\x00"),
        ("environment", "staging"),
        ("environment", ""),
        ("slug", "-x"),
        ("slug", ""),
        ("slug", "'; DROP"),
        ("region", "mars"),
        ("cluster_id", "cls_other"),
        ("postgres_version", "9"),
    ],
)
async def test_a_project_that_cannot_be(stack: RunningStack, field: str, wrong: str) -> None:
    service = projects_pb2_grpc.ProjectServiceStub(stack.api)
    request = projects_pb2.CreateProjectRequest(**{"name": "bad input", field: wrong})
    refusal = await refused(service.CreateProject(request))
    assert (refusal.code, refusal.reason, refusal.fields) == (Code.INVALID_ARGUMENT, "invalid_argument", [field])
    assert field in refusal.message


@pytest.mark.parametrize(
    ("field", "wrong", "code"),
    [
        ("name", "", Code.INVALID_ARGUMENT),
        ("environment", "test", Code.INVALID_ARGUMENT),
        ("max_connections", 0, Code.INVALID_ARGUMENT),
        ("max_connections", -5, Code.INVALID_ARGUMENT),
        ("max_connections", 16, Code.FAILED_PRECONDITION),
        ("statement_timeout", "soon", Code.INVALID_ARGUMENT),
        ("statement_timeout", "31s", Code.FAILED_PRECONDITION),
        ("idle_transaction_timeout", "0s", Code.INVALID_ARGUMENT),
    ],
)
async def test_a_change_that_cannot_be(
    stack: RunningStack, project: projects.Json, field: str, wrong: object, code: grpc.StatusCode
) -> None:
    service = projects_pb2_grpc.ProjectServiceStub(stack.api)
    request = projects_pb2.UpdateProjectRequest(project_id=project["id"], **{field: wrong})
    refusal = await refused(service.UpdateProject(request))
    assert (refusal.code, refusal.fields) == (code, [field])


class Lookup(NamedTuple):
    """A call that names something by its id."""

    stub: Callable[[grpc.aio.Channel], Any]
    method: str
    request: Callable[[str], Message]


LOOKUPS = [
    Lookup(projects_pb2_grpc.ProjectServiceStub, "GetProject", lambda i: projects_pb2.GetProjectRequest(project_id=i)),
    Lookup(
        projects_pb2_grpc.ProjectServiceStub, "UpdateProject", lambda i: projects_pb2.UpdateProjectRequest(project_id=i)
    ),
    Lookup(
        projects_pb2_grpc.ProjectServiceStub, "DeleteProject", lambda i: projects_pb2.DeleteProjectRequest(project_id=i)
    ),
    Lookup(
        projects_pb2_grpc.ProjectServiceStub,
        "GetConnections",
        lambda i: projects_pb2.GetConnectionsRequest(project_id=i),
    ),
    Lookup(
        extensions_pb2_grpc.ExtensionServiceStub,
        "EnableExtension",
        lambda i: extensions_pb2.EnableExtensionRequest(project_id=i, name="citext"),
    ),
    Lookup(jobs_pb2_grpc.JobServiceStub, "GetJob", lambda i: jobs_pb2.GetJobRequest(job_id=i)),
    Lookup(
        organizations_pb2_grpc.OrganizationServiceStub,
        "GetOrganization",
        lambda i: organizations_pb2.GetOrganizationRequest(organization_id=i),
    ),
]


@pytest.mark.parametrize("lookup", LOOKUPS, ids=lambda lookup: lookup.method)
@pytest.mark.parametrize("unknown", ["", "prj_nobody", "' OR 1=1 --", "\x00", "🦫", "a" * 100_000], ids=ascii)
async def test_an_id_of_nothing(stack: RunningStack, lookup: Lookup, unknown: str) -> None:
    refusal = await refused(getattr(lookup.stub(stack.api), lookup.method)(lookup.request(unknown)))
    assert (refusal.code, refusal.reason) == (Code.NOT_FOUND, "not_found")
    assert len(refusal.message) < 300


async def test_a_stream_of_nothing(stack: RunningStack) -> None:
    stream = jobs_pb2_grpc.JobServiceStub(stack.api).WatchJob(jobs_pb2.WatchJobRequest(job_id="job_nobody"))
    assert (await refused(stream.read())).code is Code.NOT_FOUND


async def test_a_page_token_that_no_list_gave_out(stack: RunningStack) -> None:
    service = projects_pb2_grpc.ProjectServiceStub(stack.api)
    for token in ("nonsense", "🦫", "' OR 1=1", "MTIzOg=="[:-1] + "!"):
        refusal = await refused(service.ListProjects(projects_pb2.ListProjectsRequest(page_token=token)))
        assert (refusal.code, refusal.fields) == (Code.INVALID_ARGUMENT, ["page_token"])
    refusal = await refused(service.ListProjects(projects_pb2.ListProjectsRequest(page_size=-1)))
    assert (refusal.code, refusal.fields) == (Code.INVALID_ARGUMENT, ["page_size"])


@pytest.mark.parametrize("seconds", [-(2**62), 2**62, 0])
async def test_a_moment_that_cannot_be(stack: RunningStack, seconds: int) -> None:
    service = organizations_pb2_grpc.OrganizationServiceStub(stack.api)
    request = organizations_pb2.CreateApiKeyRequest(
        organization_id=stack.organization_id,
        name="x",
        scopes=["jobs:read"],
        expires_at=Timestamp(seconds=seconds),
    )
    refusal = await refused(service.CreateApiKey(request))
    assert (refusal.code, refusal.fields) == (Code.INVALID_ARGUMENT, ["expires_at"])


async def test_an_administrators_methods_are_not_for_keys(stack: RunningStack) -> None:
    service = organizations_pb2_grpc.OrganizationServiceStub(stack.api)
    for call in (
        service.ListOrganizations(organizations_pb2.ListOrganizationsRequest()),
        service.CreateOrganization(organizations_pb2.CreateOrganizationRequest(name="mine")),
    ):
        assert (await refused(call)).code is Code.PERMISSION_DENIED


@pytest.mark.parametrize("token", [None, "", "nonsense", "capy_live_" + "A" * 38])
async def test_without_a_token_the_status_alone_is_told(stack: RunningStack, token: str | None) -> None:
    async with open_channel(stack.ready["grpc_target"], token=token) as channel:
        cluster = cluster_pb2_grpc.ClusterServiceStub(channel)
        assert (await cluster.GetStatus(cluster_pb2.GetStatusRequest())).status == "operational"
        refusal = await refused(cluster.ListClusters(cluster_pb2.ListClustersRequest()))
        assert (refusal.code, refusal.reason) == (Code.UNAUTHENTICATED, "unauthenticated")


@pytest.mark.parametrize("sent", [b"\xff\xff", b"\x0a\xff\x01", b"\x0a\x02\xff\xfe"], ids=repr)
async def test_bytes_that_are_no_request(stack: RunningStack, sent: bytes) -> None:
    for path in ("ProjectService/CreateProject", "ProjectService/GetProject", "OrganizationService/CreateApiKey"):
        refusal = await refused(stack.api.unary_unary(f"/capyd.v1.{path}")(sent))
        assert (refusal.code, refusal.reason) == (Code.INVALID_ARGUMENT, "invalid_argument")
        assert "UTF-8" in refusal.message
