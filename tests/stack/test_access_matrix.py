"""Every method, every kind of principal, both faces: who is let in, and who sees whose objects."""

import json
import time
from collections.abc import AsyncIterator, Mapping
from typing import Final

import grpc
import pytest
from google.api import annotations_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from capyd.client.channel import open_channel
from capyd.domain.principals import ALL_SCOPES
from capyd.v1 import organizations_pb2, organizations_pb2_grpc
from tests.access_table import ADMINISTRATORS, EVERYBODY, FORBIDDEN, LET_IN, METHODS, TABLE, UNKNOWN, Kind
from tests.stack import projects
from tests.stack.polling import until
from tests.stack.running import OtherOrganization, RunningStack

# Who may is the daemon's alone to say: one version shows it.
pytestmark = pytest.mark.parametrize("installation", ["pg15"], indirect=True, scope="session")


@pytest.fixture(scope="session")
async def bare(stack: RunningStack) -> AsyncIterator[grpc.aio.Channel]:
    """Where every call brings its own token."""
    async with open_channel(stack.ready["grpc_target"]) as channel:
        yield channel


@pytest.fixture(scope="session")
async def bound_token(stack: RunningStack, project: projects.Json) -> str:
    """A key bound to the shared project, which may do everything there."""
    return (await stack.key("*", project_id=project["id"])).token


@pytest.fixture(scope="session")
async def kinds(stack: RunningStack, bound_token: str, other: OtherOrganization) -> dict[str, Kind]:
    """The kinds of principals that come with a token, or none, and the administrator."""
    rest = stack.rest
    revoked = await rest.expect(201, "POST", stack.keys_path, {"name": "revoked", "scopes": ["*"]})
    await rest.expect(200, "DELETE", f"{stack.keys_path}/{revoked['api_key']['id']}")
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    expired = await stack.key("*", expires_at=stamp)
    suspended = await stack.new_organization("Suspended")
    await organizations_pb2_grpc.OrganizationServiceStub(stack.admin).SuspendOrganization(
        organizations_pb2.SuspendOrganizationRequest(organization_id=suspended.organization_id, reason="a test")
    )

    async def ask() -> int:
        return (await expired.send("GET", "/v1/me")).status

    await until(ask, lambda status: status == 401)
    typo = rest.token[:-8] + ("A" if rest.token[-8] != "A" else "B") + rest.token[-7:]
    return {
        "none": Kind(None, is_known=False),
        "nonsense": Kind("nonsense", is_known=False),
        "mistyped": Kind(typo, is_known=False),
        "expired": Kind(expired.token, is_known=False),
        "revoked": Kind(revoked["plaintext_api_key"], is_known=False),
        **{scope: Kind((await stack.key(scope)).token, scopes=(scope,)) for scope in ALL_SCOPES},
        "every scope": Kind(rest.token, scopes=("*",)),
        "bound to a project": Kind(bound_token, scopes=("*",), is_bound=True),
        "of another organization": Kind(other.rest.token, scopes=("*",)),
        "of a suspended organization": Kind(suspended.rest.token, scopes=("*",), is_suspended=True),
        "administrator": Kind(None, is_admin=True),
    }


@pytest.mark.parametrize("name", TABLE)
async def test_who_may_over_grpc(
    stack: RunningStack, bare: grpc.aio.Channel, kinds: dict[str, Kind], name: str
) -> None:
    method = METHODS[name]
    request = addressed(method, prj="prj_nobody", org="org_nobody", job="job_nobody", key="key_nobody")
    found = {}
    for kind, it in kinds.items():
        channel = stack.admin if it.is_admin else bare
        found[kind] = outcome(await call(channel, method, request, token=it.token))
    assert found == {kind: it.expected(TABLE[name]) for kind, it in kinds.items()}


@pytest.mark.parametrize("name", TABLE)
async def test_who_may_over_rest(stack: RunningStack, kinds: dict[str, Kind], name: str) -> None:
    form = rest_form(METHODS[name])
    if form is None:
        return  # it has no HTTP form: nothing of REST leads to it
    verb, template, takes_body = form
    path = template
    for field, value in NOBODY.items():
        path = path.replace("{" + field + "}", value)
    body = json.dumps(BODIES.get(name, {})).encode() if takes_body else None
    found = {}
    for kind, it in kinds.items():
        if it.is_admin:
            continue  # the gateway knows none
        headers = {} if it.token is None else {"Authorization": f"Bearer {it.token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        status = (await stack.rest.send(verb, path, data=body, headers=headers)).status
        assert status < 500, (kind, status)
        found[kind] = {401: UNKNOWN, 403: FORBIDDEN}.get(status, LET_IN)
    assert found == {kind: it.expected(TABLE[name]) for kind, it in kinds.items() if not it.is_admin}


@pytest.mark.usefixtures("nothing_is_done")
@pytest.mark.parametrize("name", TABLE)
async def test_nobody_reaches_what_is_anothers(
    stack: RunningStack,
    bare: grpc.aio.Channel,
    project: projects.Json,
    foreign: projects.Json,
    other: OtherOrganization,
    bound_token: str,
    name: str,
) -> None:
    """With real ids: another organization's key, and a key bound to a sibling project."""
    method, row = METHODS[name], TABLE[name]
    if row.asks_for in (ADMINISTRATORS, EVERYBODY):
        return
    (their_key,) = (await other.rest.expect(200, "GET", f"/v1/organizations/{other.organization_id}/api-keys"))[
        "api_keys"
    ]
    theirs = addressed(
        method, prj=foreign["id"], org=other.organization_id, job=foreign["latest_job_id"], key=their_key["id"]
    )
    for token in (stack.rest.token, bound_token):
        answer = await call(bare, method, theirs, token=token)
        if isinstance(answer, grpc.StatusCode):
            assert answer in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.PERMISSION_DENIED), answer
        else:
            said = str(answer)
            assert foreign["id"] not in said
            assert other.organization_id not in said


NOBODY: Final = {
    "project_id": "prj_nobody",
    "organization_id": "org_nobody",
    "job_id": "job_nobody",
    "api_key_id": "key_nobody",
    "name": "citext",
}
BODIES: Final[Mapping[str, dict[str, object]]] = {
    "ProjectService/CreateProject": {"name": ""},
    "ExtensionService/EnableExtension": {"name": "citext"},
    "OrganizationService/CreateApiKey": {"name": "x", "scopes": ["jobs:read"]},
}


def addressed(method: MethodDescriptor, *, prj: str, org: str, job: str, key: str) -> Message:
    """A request about these things, which says nothing else that could be done."""
    request = GetMessageClass(method.input_type)()
    values = {"project_id": prj, "organization_id": org, "job_id": job, "api_key_id": key}
    for field in method.input_type.fields:
        if field.name in values and method.name != "CreateOrganization":
            setattr(request, field.name, values[field.name])
    if method.name in ("EnableExtension", "DisableExtension", "UpdateExtension"):
        request.name = "citext"  # type: ignore[attr-defined]
    if method.name == "CreateApiKey":
        request.name = "x"  # type: ignore[attr-defined]
        request.scopes.append("projects:read")  # type: ignore[attr-defined]
        request.ClearField("project_id")
    return request


def rest_form(method: MethodDescriptor) -> tuple[str, str, bool] | None:
    """Verb, path, and whether there is a body; None: it has no HTTP form."""
    rule = method.GetOptions().Extensions[annotations_pb2.http]
    verb = rule.WhichOneof("pattern")
    return None if verb is None else (verb.upper(), getattr(rule, verb), bool(rule.body))


async def call(
    channel: grpc.aio.Channel, method: MethodDescriptor, request: Message, *, token: str | None
) -> grpc.StatusCode | Message:
    """The answer, a stream's first, or the code of the refusal."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    serialize, parse = type(request).SerializeToString, GetMessageClass(method.output_type).FromString
    metadata = [("authorization", f"Bearer {token}")] if token is not None else []
    try:
        if method.server_streaming:
            stream = channel.unary_stream(path, serialize, parse)(request, metadata=metadata, timeout=20)
            answer = await stream.read()
            stream.cancel()
        else:
            answer = await channel.unary_unary(path, serialize, parse)(request, metadata=metadata, timeout=20)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return answer


def outcome(answer: grpc.StatusCode | Message) -> str:
    """Whether the principal was let in, whatever then came of it."""
    if answer is grpc.StatusCode.UNAUTHENTICATED:
        return UNKNOWN
    if answer is grpc.StatusCode.PERMISSION_DENIED:
        return FORBIDDEN
    if isinstance(answer, grpc.StatusCode):
        assert answer in (
            grpc.StatusCode.NOT_FOUND,
            grpc.StatusCode.INVALID_ARGUMENT,
            grpc.StatusCode.FAILED_PRECONDITION,
        ), answer
    return LET_IN
