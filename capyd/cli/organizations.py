"""`capyd orgs`."""

import click

from capyd.cli.daemon_calls import TIMEOUT_SECONDS, call_daemon, json_option, target_option
from capyd.cli.tables import moment, print_json, print_table
from capyd.client.channel import Channel
from capyd.v1 import organizations_pb2 as pb
from capyd.v1.organizations_pb2_grpc import OrganizationServiceStub


@click.group()
def orgs() -> None:
    """Create and list organizations."""


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


@orgs.command("list")
@target_option
@json_option
def list_organizations(*, target: str, as_json: bool) -> None:
    """List all organizations."""

    async def calls(channel: Channel) -> pb.ListOrganizationsResponse:
        whole = pb.ListOrganizationsResponse()
        while True:
            page = await OrganizationServiceStub(channel).ListOrganizations(
                pb.ListOrganizationsRequest(page_token=whole.next_page_token), timeout=TIMEOUT_SECONDS
            )
            whole.organizations.extend(page.organizations)
            whole.next_page_token = page.next_page_token
            if not page.next_page_token:
                return whole

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
