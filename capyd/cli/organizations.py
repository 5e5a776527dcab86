"""`capyd orgs`."""

import click

from capyd.cli.daemon_calls import TIMEOUT_SECONDS, call_daemon, json_option, target_option
from capyd.cli.tables import moment, print_json, print_table
from capyd.cli.whole_lists import list_whole
from capyd.client.channel import Channel
from capyd.v1 import organizations_pb2 as pb
from capyd.v1.organizations_pb2_grpc import OrganizationServiceStub

Changed = pb.UpdateOrganizationResponse | pb.SuspendOrganizationResponse | pb.ReleaseOrganizationResponse


@click.group()
def orgs() -> None:
    """Create, list, change, suspend and release organizations."""


@orgs.command()
@target_option
@click.argument("name")
@click.option("--slug", help="[default: derived from the name]")
@click.option("--plan", help="[default: the configuration's first]")
@click.option("--id", "organization_id", help="One given out elsewhere, such as an issuer's of sessions: org_...")
@json_option
def create(
    *, target: str, name: str, slug: str | None, plan: str | None, organization_id: str | None, as_json: bool
) -> None:
    """Create an organization."""

    async def calls(channel: Channel) -> pb.CreateOrganizationResponse:
        return await OrganizationServiceStub(channel).CreateOrganization(
            pb.CreateOrganizationRequest(name=name, slug=slug, plan=plan, organization_id=organization_id),
            timeout=TIMEOUT_SECONDS,
        )

    created = call_daemon(target, calls)
    if as_json:
        print_json(created)
    else:
        click.echo(created.organization.id)


@orgs.command("set-plan")
@target_option
@click.argument("organization_id", metavar="ORG")
@click.argument("plan")
@json_option
def set_plan(*, target: str, organization_id: str, plan: str, as_json: bool) -> None:
    """Put an organization under another plan; its projects follow, each by a job."""

    async def calls(channel: Channel) -> pb.UpdateOrganizationResponse:
        return await OrganizationServiceStub(channel).UpdateOrganization(
            pb.UpdateOrganizationRequest(organization_id=organization_id, plan=plan), timeout=TIMEOUT_SECONDS
        )

    answer = call_daemon(target, calls)
    tell_change(answer, f"has the plan {plan}", as_json=as_json)


@orgs.command()
@target_option
@click.argument("organization_id", metavar="ORG")
@click.option("--reason", required=True, help="Shown to whoever asks for the organization.")
@json_option
def suspend(*, target: str, organization_id: str, reason: str, as_json: bool) -> None:
    """Shut an organization's projects, and let nothing of it be changed. Its data stays."""

    async def calls(channel: Channel) -> pb.SuspendOrganizationResponse:
        return await OrganizationServiceStub(channel).SuspendOrganization(
            pb.SuspendOrganizationRequest(organization_id=organization_id, reason=reason), timeout=TIMEOUT_SECONDS
        )

    answer = call_daemon(target, calls)
    tell_change(answer, "is suspended", as_json=as_json)


@orgs.command()
@target_option
@click.argument("organization_id", metavar="ORG")
@json_option
def release(*, target: str, organization_id: str, as_json: bool) -> None:
    """Open a suspended organization's projects again."""

    async def calls(channel: Channel) -> pb.ReleaseOrganizationResponse:
        return await OrganizationServiceStub(channel).ReleaseOrganization(
            pb.ReleaseOrganizationRequest(organization_id=organization_id), timeout=TIMEOUT_SECONDS
        )

    answer = call_daemon(target, calls)
    tell_change(answer, "is released", as_json=as_json)


@orgs.command("list")
@target_option
@json_option
def list_organizations(*, target: str, as_json: bool) -> None:
    """List all organizations."""

    async def calls(channel: Channel) -> pb.ListOrganizationsResponse:
        stub = OrganizationServiceStub(channel)
        return await list_whole(
            lambda token: stub.ListOrganizations(pb.ListOrganizationsRequest(page_token=token), timeout=TIMEOUT_SECONDS)
        )

    found = call_daemon(target, calls)
    if as_json:
        print_json(found)
        return
    print_table(
        found.organizations,
        [
            ("ID", lambda organization: organization.id),
            ("NAME", lambda organization: organization.name),
            ("SLUG", lambda organization: organization.slug),
            ("PLAN", lambda organization: organization.billing_plan),
            ("STATUS", lambda organization: organization.billing_status),
            ("CREATED", lambda organization: moment(organization.created_at)),
        ],
    )


def tell_change(answer: Changed, what: str, *, as_json: bool) -> None:
    """Say what was changed, and how many projects follow."""
    if as_json:
        print_json(answer)
        return
    jobs = answer.accepted_jobs
    follow = f"; {jobs} project{'s follow' if jobs > 1 else ' follows'}: capyd jobs list" if jobs else ""
    click.echo(f"{answer.organization.id} {what}{follow}")
