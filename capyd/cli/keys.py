"""`capyd keys`."""

from datetime import UTC, datetime

import click

from capyd.cli.daemon_calls import TIMEOUT_SECONDS, call_daemon, json_option, target_option
from capyd.cli.tables import moment, print_json, print_table
from capyd.cli.whole_lists import list_whole
from capyd.client.channel import Channel
from capyd.domain.principals import ALL_SCOPES, EVERY_SCOPE
from capyd.v1 import organizations_pb2 as pb
from capyd.v1.organizations_pb2_grpc import OrganizationServiceStub

organization_option = click.option(
    "--organization", "organization_id", required=True, metavar="ORG", help="The organization's id: org_..."
)


@click.group()
def keys() -> None:
    """Create, list and revoke API keys."""


@keys.command()
@target_option
@organization_option
@click.option("--name", required=True, help="What the key is for.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice([*ALL_SCOPES, EVERY_SCOPE]),
    help="What it may do; again for more.",
)
@click.option("--project", "project_id", metavar="PROJECT", help="The only project that it reaches: prj_...")
@click.option(
    "--expires",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]),
    help="When it ends, in UTC. [default: never]",
)
@json_option
def create(
    *,
    target: str,
    organization_id: str,
    name: str,
    scopes: tuple[str, ...],
    project_id: str | None,
    expires: datetime | None,
    as_json: bool,
) -> None:
    """Create a key. It is printed this once."""
    request = pb.CreateApiKeyRequest(organization_id=organization_id, name=name, scopes=scopes, project_id=project_id)
    if expires is not None:
        request.expires_at.FromDatetime(expires.replace(tzinfo=UTC))

    async def calls(channel: Channel) -> pb.CreateApiKeyResponse:
        return await OrganizationServiceStub(channel).CreateApiKey(request, timeout=TIMEOUT_SECONDS)

    created = call_daemon(target, calls)
    if as_json:
        print_json(created)
    else:
        click.echo(created.plaintext_api_key)
        click.echo(f"{created.api_key.id}: kept by you alone, and not shown again", err=True)


@keys.command("list")
@target_option
@organization_option
@json_option
def list_keys(*, target: str, organization_id: str, as_json: bool) -> None:
    """List an organization's keys, revoked ones included."""

    async def calls(channel: Channel) -> pb.ListApiKeysResponse:
        stub = OrganizationServiceStub(channel)
        return await list_whole(
            lambda token: stub.ListApiKeys(
                pb.ListApiKeysRequest(organization_id=organization_id, page_token=token), timeout=TIMEOUT_SECONDS
            )
        )

    found = call_daemon(target, calls)
    if as_json:
        print_json(found)
        return
    print_table(
        found.api_keys,
        [
            ("ID", lambda key: key.id),
            ("NAME", lambda key: key.name),
            ("BEGINS WITH", lambda key: key.key_prefix),
            ("SCOPES", lambda key: " ".join(key.scopes)),
            ("PROJECT", lambda key: key.project_id or "-"),
            ("ACTIVE", lambda key: "yes" if key.is_active else "no"),
            ("LAST USED", lambda key: moment(key.last_used_at)),
            ("CREATED", lambda key: moment(key.created_at)),
        ],
    )


@keys.command()
@target_option
@organization_option
@click.argument("api_key_id", metavar="KEY")
@json_option
def revoke(*, target: str, organization_id: str, api_key_id: str, as_json: bool) -> None:
    """Revoke a key, by its id: it is refused from the next request on."""

    async def calls(channel: Channel) -> pb.RevokeApiKeyResponse:
        return await OrganizationServiceStub(channel).RevokeApiKey(
            pb.RevokeApiKeyRequest(organization_id=organization_id, api_key_id=api_key_id), timeout=TIMEOUT_SECONDS
        )

    answer = call_daemon(target, calls)
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{api_key_id}: revoked")
