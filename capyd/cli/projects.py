"""`capyd projects`."""

import sys

import click

from capyd.cli.daemon_calls import TIMEOUT_SECONDS, call_daemon, json_option, target_option
from capyd.cli.job_progress import exit_for, follow_job, wait_option
from capyd.cli.organizations import tell_change
from capyd.cli.tables import moment, print_json, print_table, print_values, size
from capyd.cli.whole_lists import list_whole
from capyd.client.channel import Channel
from capyd.v1 import projects_pb2 as pb
from capyd.v1.jobs_pb2 import GetJobResponse, Job
from capyd.v1.organizations_pb2 import UpdateOrganizationRequest, UpdateOrganizationResponse
from capyd.v1.organizations_pb2_grpc import OrganizationServiceStub
from capyd.v1.projects_pb2_grpc import ProjectServiceStub

project_argument = click.argument("project_id", metavar="PROJECT")


@click.group()
def projects() -> None:
    """List, show, create, delete and mend projects."""


@projects.command("list")
@target_option
@click.option("--organization", "organization_id", metavar="ORG", help="Those of one organization: org_...")
@json_option
def list_projects(*, target: str, organization_id: str | None, as_json: bool) -> None:
    """List projects."""

    async def calls(channel: Channel) -> pb.ListProjectsResponse:
        stub = ProjectServiceStub(channel)
        return await list_whole(
            lambda token: stub.ListProjects(
                pb.ListProjectsRequest(organization_id=organization_id, page_token=token), timeout=TIMEOUT_SECONDS
            )
        )

    found = call_daemon(target, calls)
    if as_json:
        print_json(found)
        return
    print_table(
        found.projects,
        [
            ("ID", lambda project: project.id),
            ("SLUG", lambda project: project.slug),
            ("STATE", lambda project: project.state),
            ("PLAN", lambda project: project.plan),
            ("DATABASE", lambda project: project.database_name or "-"),
            ("NAME", lambda project: project.name),
        ],
    )


@projects.command()
@target_option
@project_argument
@click.option("--urls", is_flag=True, help="Its connection URLs too, with the password.")
@json_option
def show(*, target: str, project_id: str, urls: bool, as_json: bool) -> None:
    """Show one project."""

    async def calls(channel: Channel) -> tuple[pb.GetProjectResponse, pb.GetConnectionsResponse | None]:
        stub = ProjectServiceStub(channel)
        found = await stub.GetProject(pb.GetProjectRequest(project_id=project_id), timeout=TIMEOUT_SECONDS)
        if not urls:
            return found, None
        request = pb.GetConnectionsRequest(project_id=project_id)
        return found, await stub.GetConnections(request, timeout=TIMEOUT_SECONDS)

    found, connections = call_daemon(target, calls)
    if as_json:
        print_json(found if connections is None else connections)
        return
    _print_project(found.project)
    if connections is not None:
        print_values({"direct": connections.connections.direct_url, "pooled": connections.connections.pooled_url})


@projects.command()
@target_option
@click.argument("name")
@click.option("--organization", "organization_id", required=True, metavar="ORG", help="Whose it is: org_...")
@click.option("--slug", help="[default: derived from the name]")
@click.option("--environment", type=click.Choice(["production", "non_production"]), help="[default: production]")
@wait_option
@json_option
def create(
    *,
    target: str,
    name: str,
    organization_id: str,
    slug: str | None,
    environment: str | None,
    wait: bool,
    as_json: bool,
) -> None:
    """Create a project, and print its id."""
    request = pb.CreateProjectRequest(name=name, organization_id=organization_id, slug=slug, environment=environment)

    async def calls(channel: Channel) -> tuple[pb.CreateProjectResponse, Job]:
        stub = ProjectServiceStub(channel)
        created = await stub.CreateProject(request, timeout=TIMEOUT_SECONDS)
        if not wait:
            return created, created.job
        job = await follow_job(channel, created.job.id, silent=as_json)
        now = await stub.GetProject(pb.GetProjectRequest(project_id=created.project.id), timeout=TIMEOUT_SECONDS)
        return pb.CreateProjectResponse(project=now.project, job=job), job

    created, job = call_daemon(target, calls)
    if as_json:
        print_json(created)
    else:
        click.echo(created.project.id)
    exit_for(job)


@projects.command()
@target_option
@project_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@wait_option
@json_option
def delete(*, target: str, project_id: str, yes: bool, wait: bool, as_json: bool) -> None:
    """Delete a project, its database and its roles. Nothing brings them back."""
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("this deletes the project's database: say --yes where nobody can be asked")
        click.confirm(f"Delete {project_id} and everything in its database?", abort=True, err=True)

    async def calls(channel: Channel) -> Job:
        answer = await ProjectServiceStub(channel).DeleteProject(
            pb.DeleteProjectRequest(project_id=project_id), timeout=TIMEOUT_SECONDS
        )
        return await follow_job(channel, answer.job.id, silent=as_json) if wait else answer.job

    _end(call_daemon(target, calls), as_json=as_json)


@projects.command()
@target_option
@project_argument
@wait_option
@json_option
def retry(*, target: str, project_id: str, wait: bool, as_json: bool) -> None:
    """Try the provisioning of a failed project again."""

    async def calls(channel: Channel) -> Job:
        answer = await ProjectServiceStub(channel).RetryProvisioning(
            pb.RetryProvisioningRequest(project_id=project_id), timeout=TIMEOUT_SECONDS
        )
        return await follow_job(channel, answer.job.id, silent=as_json) if wait else answer.job

    _end(call_daemon(target, calls), as_json=as_json)


@projects.command()
@target_option
@project_argument
@click.option(
    "--grace-hours",
    type=click.IntRange(0, 720),
    help="A new login; the old one goes on working for so long. [default: the same login, a new password]",
)
@click.option("--leaked", is_flag=True, help="Somebody else knows the password: end every session of the project.")
@wait_option
@json_option
def rotate(*, target: str, project_id: str, grace_hours: int | None, leaked: bool, wait: bool, as_json: bool) -> None:
    """Give a project a new password, or a new login. `projects show --urls` has it then."""
    request = pb.RotateCredentialsRequest(project_id=project_id, grace_hours=grace_hours, leaked=leaked or None)

    async def calls(channel: Channel) -> Job:
        answer = await ProjectServiceStub(channel).RotateCredentials(request, timeout=TIMEOUT_SECONDS)
        return await follow_job(channel, answer.job.id, silent=as_json) if wait else answer.job

    _end(call_daemon(target, calls), as_json=as_json)


@projects.command("move-plan")
@target_option
@project_argument
@click.argument("plan")
@json_option
def move_plan(*, target: str, project_id: str, plan: str, as_json: bool) -> None:
    """Move a project to another plan. A plan is an organization's: its other projects move with it."""

    async def calls(channel: Channel) -> UpdateOrganizationResponse:
        found = await ProjectServiceStub(channel).GetProject(
            pb.GetProjectRequest(project_id=project_id), timeout=TIMEOUT_SECONDS
        )
        request = UpdateOrganizationRequest(organization_id=found.project.organization_id, plan=plan)
        return await OrganizationServiceStub(channel).UpdateOrganization(request, timeout=TIMEOUT_SECONDS)

    tell_change(call_daemon(target, calls), f"has the plan {plan}", as_json=as_json)


def _end(job: Job, *, as_json: bool) -> None:
    if as_json:
        print_json(GetJobResponse(job=job))
    else:
        click.echo(f"{job.id} {job.type}: {job.state}")
    exit_for(job)


def _print_project(project: pb.Project) -> None:
    print_values(
        {
            "id": project.id,
            "name": project.name,
            "slug": project.slug,
            "state": project.state,
            "error": project.last_error,
            "organization": project.organization_id,
            "plan": project.plan,
            "environment": project.environment,
            "database": project.database_name,
            "login": project.role_name,
            "connections": project.max_connections,
            "storage": size(project.storage_limit_bytes),
            "statement timeout": project.statement_timeout,
            "idle transactions": project.idle_transaction_timeout,
            "latest job": project.latest_job_id,
            "created": moment(project.created_at),
            "updated": moment(project.updated_at),
        }
    )
