"""ProjectService."""

from capyd.domain.paging import parse_page_request
from capyd.domain.principals import Principal
from capyd.domain.projects import Project
from capyd.rpc.messages import to_job, to_project
from capyd.rpc.presence import bool_or_none, int_or_none, text_or_none
from capyd.usecases.cluster import Cluster
from capyd.usecases.connections import Connections
from capyd.usecases.credentials import Credentials
from capyd.usecases.projects import NewProject, ProjectChange, Projects
from capyd.v1 import projects_pb2 as pb


class ProjectServicer:
    """Project (logical database) lifecycle."""

    def __init__(
        self, *, projects: Projects, connections: Connections, credentials: Credentials, cluster: Cluster
    ) -> None:
        self._projects = projects
        self._connections = connections
        self._credentials = credentials
        self._cluster = cluster

    async def ListProjects(self, request: pb.ListProjectsRequest, principal: Principal) -> pb.ListProjectsResponse:
        page = await self._projects.list(
            principal,
            parse_page_request(request.page_size, request.page_token),
            organization_id=text_or_none(request, "organization_id"),
        )
        return pb.ListProjectsResponse(
            projects=[self._message(project) for project in page.items], next_page_token=page.next_token
        )

    async def CreateProject(self, request: pb.CreateProjectRequest, principal: Principal) -> pb.CreateProjectResponse:
        self._cluster.check_placement(
            region=text_or_none(request, "region"),
            cluster_id=text_or_none(request, "cluster_id"),
            postgres_version=text_or_none(request, "postgres_version"),
        )
        project, job = await self._projects.create(
            principal,
            NewProject(
                name=request.name,
                environment=text_or_none(request, "environment"),
                slug=text_or_none(request, "slug"),
                organization_id=text_or_none(request, "organization_id"),
            ),
        )
        return pb.CreateProjectResponse(project=self._message(project), job=to_job(job, self._cluster.settings.id))

    async def GetProject(self, request: pb.GetProjectRequest, principal: Principal) -> pb.GetProjectResponse:
        project = await self._projects.get(principal, request.project_id)
        return pb.GetProjectResponse(project=self._message(project))

    async def UpdateProject(self, request: pb.UpdateProjectRequest, principal: Principal) -> pb.UpdateProjectResponse:
        change = ProjectChange(
            name=text_or_none(request, "name"),
            environment=text_or_none(request, "environment"),
            always_on=bool_or_none(request, "always_on"),
            max_connections=int_or_none(request, "max_connections"),
            statement_timeout=text_or_none(request, "statement_timeout"),
            idle_transaction_timeout=text_or_none(request, "idle_transaction_timeout"),
        )
        project = await self._projects.update(principal, request.project_id, change)
        return pb.UpdateProjectResponse(project=self._message(project))

    async def DeleteProject(self, request: pb.DeleteProjectRequest, principal: Principal) -> pb.DeleteProjectResponse:
        job = await self._projects.delete(principal, request.project_id)
        return pb.DeleteProjectResponse(job=to_job(job, self._cluster.settings.id))

    async def RetryProvisioning(
        self, request: pb.RetryProvisioningRequest, principal: Principal
    ) -> pb.RetryProvisioningResponse:
        job = await self._projects.retry_provisioning(principal, request.project_id)
        return pb.RetryProvisioningResponse(job=to_job(job, self._cluster.settings.id))

    async def GetConnections(
        self, request: pb.GetConnectionsRequest, principal: Principal
    ) -> pb.GetConnectionsResponse:
        urls = await self._connections.get(principal, request.project_id)
        return pb.GetConnectionsResponse(
            connections=pb.Connections(
                username=urls.username, direct_url=urls.direct.reveal(), pooled_url=urls.pooled.reveal()
            )
        )

    async def RotateCredentials(
        self, request: pb.RotateCredentialsRequest, principal: Principal
    ) -> pb.RotateCredentialsResponse:
        job = await self._credentials.rotate(
            principal,
            request.project_id,
            grace_hours=int_or_none(request, "grace_hours"),
            leaked=request.leaked,
        )
        return pb.RotateCredentialsResponse(job=to_job(job, self._cluster.settings.id))

    def _message(self, project: Project) -> pb.Project:
        return to_project(project, self._cluster.settings, self._cluster.postgres_version)
