"""Sessions at a daemon's door: whom they stand for, and what those may."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from capyd.client.channel import open_channel
from capyd.v1 import organizations_pb2, organizations_pb2_grpc, projects_pb2, projects_pb2_grpc
from tests.door.conftest import Door
from tests.issuers.server import AUDIENCE, Issuer


@pytest.fixture(scope="module")
async def door(make_door: Callable[[], Door], issuer: Issuer) -> Door:
    made = make_door()
    await made.start(f'[[sessions]]\nissuer = "{issuer.url}"\naudiences = ["{AUDIENCE}"]')
    for organization_id in ("org_1", "org_2"):
        await made.create_organization(organization_id)
    return made


class Client:
    """Calls with one session."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.projects = projects_pb2_grpc.ProjectServiceStub(channel)
        self.organizations = organizations_pb2_grpc.OrganizationServiceStub(channel)

    async def who(self) -> organizations_pb2.GetMeResponse:
        return await self.organizations.GetMe(organizations_pb2.GetMeRequest())

    async def create_project(self) -> str:
        answer = await self.projects.CreateProject(projects_pb2.CreateProjectRequest(name="a"))
        return str(answer.project.id)

    async def create_key(self, organization_id: str = "org_1") -> None:
        request = organizations_pb2.CreateApiKeyRequest(organization_id=organization_id, name="k", scopes=["*"])
        await self.organizations.CreateApiKey(request)

    async def list_projects(self) -> list[str]:
        answer = await self.projects.ListProjects(projects_pb2.ListProjectsRequest())
        return [project.organization_id for project in answer.projects]


@pytest.fixture
def logged_in(door: Door, issuer: Issuer) -> Callable[..., Any]:
    @asynccontextmanager
    async def log_in(**claims: Any) -> AsyncIterator[Client]:
        async with open_channel(door.api_target, token=issuer.sign(issuer.claims(**claims))) as channel:
            yield Client(channel)

    return log_in


@asynccontextmanager
async def refused(code: grpc.StatusCode, words: str) -> AsyncIterator[None]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        yield
    assert (error.value.code(), words in str(error.value.details())) == (code, True), error.value.details()


async def test_an_admin_does_what_its_organization_may(logged_in: Callable[..., Any]) -> None:
    async with logged_in() as client:
        me = await client.who()
        assert (me.organization.id, me.principal.auth_source, me.principal.user_id) == ("org_1", "session", "user_1")
        assert (me.principal.organization_role, me.principal.is_admin, list(me.principal.scopes)) == (
            "admin",
            False,
            ["*"],
        )
        project_id = await client.create_project()
        await client.projects.DeleteProject(projects_pb2.DeleteProjectRequest(project_id=project_id))
        await client.create_key()
        async with refused(grpc.StatusCode.PERMISSION_DENIED, "platform administrator"):
            await client.organizations.ListOrganizations(organizations_pb2.ListOrganizationsRequest())
        async with refused(grpc.StatusCode.NOT_FOUND, "org_2"):
            await client.create_key("org_2")


async def test_a_member_reads_and_changes_and_needs_the_role_for_the_rest(logged_in: Callable[..., Any]) -> None:
    async with logged_in() as admin, logged_in(sub="user_2", org_role="org:member") as member:
        assert (await member.who()).principal.organization_role == "member"
        project_id = await admin.create_project()
        await member.projects.UpdateProject(projects_pb2.UpdateProjectRequest(project_id=project_id, name="b"))
        for forbidden in (
            member.create_project,
            member.create_key,
            lambda: member.projects.DeleteProject(projects_pb2.DeleteProjectRequest(project_id=project_id)),
        ):
            async with refused(grpc.StatusCode.PERMISSION_DENIED, ""):
                await forbidden()


async def test_organizations_are_kept_apart(logged_in: Callable[..., Any]) -> None:
    async with logged_in() as one, logged_in(org_id="org_2") as two:
        await one.create_project()
        assert set(await one.list_projects()) == {"org_1"}
        assert await two.list_projects() == []


async def test_without_an_active_organization_only_the_question_who_one_is(logged_in: Callable[..., Any]) -> None:
    async with logged_in(org_id=None, org_role=None) as client:
        me = await client.who()
        assert (me.HasField("organization"), me.principal.user_id, list(me.principal.scopes)) == (False, "user_1", [])
        for call in (client.list_projects, client.create_project, client.create_key):
            async with refused(grpc.StatusCode.PERMISSION_DENIED, "no active organization"):
                await call()


async def test_an_organization_that_is_not_here(logged_in: Callable[..., Any]) -> None:
    async with logged_in(org_id="org_3") as client, refused(grpc.StatusCode.PERMISSION_DENIED, "not on this cluster"):
        await client.who()


async def test_what_is_over_or_forged(logged_in: Callable[..., Any], door: Door, issuer: Issuer) -> None:
    async with logged_in(exp=1000) as client, refused(grpc.StatusCode.UNAUTHENTICATED, "expired"):
        await client.who()
    token = issuer.sign(issuer.claims(sub="user_forged"))
    async with (
        open_channel(door.api_target, token=token[:-8] + "AAAAAAAA") as channel,
        refused(grpc.StatusCode.UNAUTHENTICATED, "signature"),
    ):
        await Client(channel).who()
    assert token.rpartition(".")[2] not in door.log
    assert token.split(".")[1] not in door.log
