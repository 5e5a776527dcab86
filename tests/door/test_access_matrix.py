"""Every method for every kind of session, and for a fleet controller: the rows are those that keys are held to."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import grpc
import pytest
from google.protobuf.message import Message

from capyd.client.channel import open_channel
from capyd.domain.sessions import MEMBER_SCOPES
from capyd.v1 import organizations_pb2, organizations_pb2_grpc
from tests.access_table import FORBIDDEN, LET_IN, METHODS, TABLE, UNKNOWN, Kind
from tests.door.authority import make_certificates
from tests.door.conftest import Door, free_port
from tests.issuers.server import AUDIENCE, Issuer
from tests.stack.test_access_matrix import addressed, call

Answers = dict[str, tuple[Kind, grpc.aio.Channel]]


@pytest.fixture(scope="module")
async def kinds(make_door: Callable[[], Door], issuer: Issuer) -> AsyncIterator[Answers]:
    """Each kind, with the channel that it comes by."""
    door, port = make_door(), free_port()
    files = make_certificates(door.directory / "fleet")
    await door.start(
        f"""
        listen.fleet_address = "127.0.0.1:{port}"
        listen.fleet_certificate_file = "{files}/server.crt"
        listen.fleet_key_file = "{files}/server.key"
        listen.fleet_client_ca_file = "{files}/ca.crt"
        listen.fleet_names = ["controller.test"]
        [[sessions]]
        issuer = "{issuer.url}"
        audiences = ["{AUDIENCE}"]
        """
    )
    for organization_id in ("org_1", "org_2"):
        await door.create_organization(organization_id)
    async with door.administrator() as channel:
        await organizations_pb2_grpc.OrganizationServiceStub(channel).SuspendOrganization(
            organizations_pb2.SuspendOrganizationRequest(organization_id="org_2", reason="a test")
        )
    now = int(time.time())

    def session(**claims: object) -> str:
        return issuer.sign(issuer.claims(**claims))

    found = {
        "session of an admin": Kind(session(), scopes=("*",)),
        "session of a member": Kind(session(org_role="org:member"), scopes=MEMBER_SCOPES, is_member=True),
        "session without an organization": Kind(session(org_id=None, org_role=None), has_organization=False),
        "session of a suspended organization": Kind(session(org_id="org_2"), scopes=("*",), is_suspended=True),
        "session that is over": Kind(session(exp=now - 60), is_known=False),
        "session for another audience": Kind(session(aud="else"), is_known=False),
        "session with a bad signature": Kind(session()[:-8] + "AAAAAAAA", is_known=False),
        "fleet controller": Kind(None, is_admin=True),
    }
    certificates = grpc.ssl_channel_credentials(
        *((files / name).read_bytes() for name in ("ca.crt", "client.key", "client.crt"))
    )
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(open_channel(door.api_target))
        fleet = await stack.enter_async_context(grpc.aio.secure_channel(f"localhost:{port}", certificates))
        yield {name: (kind, fleet if kind.is_admin else api) for name, kind in found.items()}


@pytest.mark.parametrize("name", TABLE)
async def test_who_may(kinds: Answers, name: str) -> None:
    method = METHODS[name]
    request = addressed(method, prj="prj_nobody", org="org_nobody", job="job_nobody", key="key_nobody")
    found = {
        kind: _outcome(await call(channel, method, request, token=it.token)) for kind, (it, channel) in kinds.items()
    }
    assert found == {kind: it.expected(TABLE[name]) for kind, (it, _) in kinds.items()}


def _outcome(answer: grpc.StatusCode | Message) -> str:
    """Whether it was let in. Its PostgreSQL is away: what needs it is unavailable to whoever may ask."""
    match answer:
        case grpc.StatusCode.UNAUTHENTICATED:
            return UNKNOWN
        case grpc.StatusCode.PERMISSION_DENIED:
            return FORBIDDEN
        case grpc.StatusCode():
            assert answer in (
                grpc.StatusCode.NOT_FOUND,
                grpc.StatusCode.INVALID_ARGUMENT,
                grpc.StatusCode.FAILED_PRECONDITION,
                grpc.StatusCode.UNAVAILABLE,
            ), answer
    return LET_IN
