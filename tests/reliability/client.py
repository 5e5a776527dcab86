"""A platform administrator's gRPC client of one daemon, which may die in any call."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from capyd.client.channel import open_channel
from capyd.v1 import (
    extensions_pb2,
    extensions_pb2_grpc,
    jobs_pb2,
    jobs_pb2_grpc,
    organizations_pb2,
    organizations_pb2_grpc,
    projects_pb2,
    projects_pb2_grpc,
)
from capyd.v1.jobs_pb2 import Job
from capyd.v1.projects_pb2 import Project

ORGANIZATION = "org_tests"
_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Accepted:
    """What a daemon has acknowledged: it must come true."""

    project_id: str
    job_id: str


class Client:
    """Every mutation carries a request id: sent again after a crash, it is still done once."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._projects = projects_pb2_grpc.ProjectServiceStub(channel)
        self._extensions = extensions_pb2_grpc.ExtensionServiceStub(channel)
        self._jobs = jobs_pb2_grpc.JobServiceStub(channel)
        self._organizations = organizations_pb2_grpc.OrganizationServiceStub(channel)

    async def create_organization(self) -> None:
        """Make the organization of all tests' projects; it may be there."""
        request = organizations_pb2.CreateOrganizationRequest(
            name="Tests", organization_id=ORGANIZATION, request_id="organization"
        )
        await self._organizations.CreateOrganization(request, timeout=_TIMEOUT_SECONDS)

    async def create(self, request_id: str) -> Accepted:
        """Have a project created."""
        request = projects_pb2.CreateProjectRequest(
            name="of a test", organization_id=ORGANIZATION, request_id=request_id
        )
        response = await self._projects.CreateProject(request, timeout=_TIMEOUT_SECONDS)
        return Accepted(response.project.id, response.job.id)

    async def set_limits(self, project_id: str, *, max_connections: int, request_id: str) -> Accepted:
        """Have the limits of a project changed."""
        request = projects_pb2.UpdateProjectRequest(
            project_id=project_id, max_connections=max_connections, statement_timeout="7s", request_id=request_id
        )
        response = await self._projects.UpdateProject(request, timeout=_TIMEOUT_SECONDS)
        return Accepted(project_id, response.project.latest_job_id)

    async def suspend(self, *, request_id: str) -> None:
        """Have the organization suspended."""
        request = organizations_pb2.SuspendOrganizationRequest(
            organization_id=ORGANIZATION, reason="a test", request_id=request_id
        )
        await self._organizations.SuspendOrganization(request, timeout=_TIMEOUT_SECONDS)

    async def release(self, *, request_id: str) -> None:
        """Have the organization released."""
        request = organizations_pb2.ReleaseOrganizationRequest(organization_id=ORGANIZATION, request_id=request_id)
        await self._organizations.ReleaseOrganization(request, timeout=_TIMEOUT_SECONDS)

    async def organization(self) -> organizations_pb2.Organization:
        """The organization as it is."""
        request = organizations_pb2.GetOrganizationRequest(organization_id=ORGANIZATION)
        return (await self._organizations.GetOrganization(request, timeout=_TIMEOUT_SECONDS)).organization

    async def latest(self, project_id: str) -> Accepted:
        """The project's latest job."""
        request = projects_pb2.GetProjectRequest(project_id=project_id)
        found = await self._projects.GetProject(request, timeout=_TIMEOUT_SECONDS)
        return Accepted(project_id, found.project.latest_job_id)

    async def delete(self, project_id: str, *, request_id: str) -> Accepted:
        """Have a project deleted."""
        request = projects_pb2.DeleteProjectRequest(project_id=project_id, request_id=request_id)
        response = await self._projects.DeleteProject(request, timeout=_TIMEOUT_SECONDS)
        return Accepted(project_id, response.job.id)

    async def enable(self, project_id: str, name: str, *, request_id: str) -> Accepted:
        """Have an extension created."""
        request = extensions_pb2.EnableExtensionRequest(project_id=project_id, name=name, request_id=request_id)
        response = await self._extensions.EnableExtension(request, timeout=_TIMEOUT_SECONDS)
        return Accepted(project_id, response.job.id)

    async def disable(self, project_id: str, name: str, *, request_id: str) -> Accepted:
        """Have an extension dropped."""
        request = extensions_pb2.DisableExtensionRequest(project_id=project_id, name=name, request_id=request_id)
        response = await self._extensions.DisableExtension(request, timeout=_TIMEOUT_SECONDS)
        return Accepted(project_id, response.job.id)

    async def update(self, project_id: str, name: str, *, request_id: str) -> Accepted:
        """Have an extension brought to the version that the cluster has."""
        request = extensions_pb2.UpdateExtensionRequest(project_id=project_id, name=name, request_id=request_id)
        response = await self._extensions.UpdateExtension(request, timeout=_TIMEOUT_SECONDS)
        return Accepted(project_id, response.job.id)

    async def rotate(
        self, project_id: str, *, request_id: str, grace_hours: int | None = None, leaked: bool = False
    ) -> Accepted:
        """Have the credentials of a project rotated."""
        request = projects_pb2.RotateCredentialsRequest(
            project_id=project_id, grace_hours=grace_hours, leaked=leaked, request_id=request_id
        )
        response = await self._projects.RotateCredentials(request, timeout=_TIMEOUT_SECONDS)
        return Accepted(project_id, response.job.id)

    async def list_projects(self) -> list[Project]:
        """All live projects."""
        request = projects_pb2.ListProjectsRequest(page_size=1000)
        return list((await self._projects.ListProjects(request, timeout=_TIMEOUT_SECONDS)).projects)

    async def urls(self, project_id: str) -> tuple[str, str]:
        """The connection URLs: direct and pooled."""
        request = projects_pb2.GetConnectionsRequest(project_id=project_id)
        found = (await self._projects.GetConnections(request, timeout=_TIMEOUT_SECONDS)).connections
        return found.direct_url, found.pooled_url

    async def get_job(self, job_id: str) -> Job:
        """The job."""
        return (await self._jobs.GetJob(jobs_pb2.GetJobRequest(job_id=job_id), timeout=_TIMEOUT_SECONDS)).job

    async def list_jobs(self, project_id: str) -> list[Job]:
        """The project's jobs, the newest first."""
        request = jobs_pb2.ListProjectJobsRequest(project_id=project_id, limit=100)
        return list((await self._jobs.ListProjectJobs(request, timeout=_TIMEOUT_SECONDS)).jobs)


@asynccontextmanager
async def open_client(socket: Path) -> AsyncIterator[Client]:
    """A client for the admin socket at `socket`, closed at the end."""
    channel = open_channel(f"unix:{socket}")
    try:
        yield Client(channel)
    finally:
        await channel.close()
