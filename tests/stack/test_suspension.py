"""A suspended organization: its doors are shut, its data stays, nothing can be changed until it is released."""

import re
from collections.abc import AsyncIterator

import psycopg
import pytest

from capyd.v1 import cluster_pb2, cluster_pb2_grpc, organizations_pb2, organizations_pb2_grpc
from tests.stack import projects
from tests.stack.polling import until
from tests.stack.rest import Rest
from tests.stack.running import OtherOrganization, RunningStack
from tests.stack.tenant import ask, refusal, session, value

# As PgBouncer 1.18 says it, and as 1.24 does.
SHUT = "login rejected|no authentication method is found"


@pytest.fixture
async def debtor(stack: RunningStack) -> AsyncIterator[OtherOrganization]:
    """An organization of the test's own; its projects are being deleted at the end."""
    organization = await stack.new_organization("Debtor")
    yield organization
    await organizations(stack).ReleaseOrganization(
        organizations_pb2.ReleaseOrganizationRequest(organization_id=organization.organization_id)
    )
    for project in await projects.list_projects(organization.rest):
        await projects.delete(organization.rest, project["id"])


def organizations(stack: RunningStack) -> organizations_pb2_grpc.OrganizationServiceStub:
    return organizations_pb2_grpc.OrganizationServiceStub(stack.admin)


async def latest(rest: Rest, project_id: str) -> projects.Json:
    """The project's latest job, completed."""
    return await projects.completed(rest, (await projects.get(rest, project_id))["latest_job_id"])


async def test_suspended_and_released(stack: RunningStack, debtor: OtherOrganization) -> None:
    rest, organization = debtor.rest, f"/v1/organizations/{debtor.organization_id}"
    project = await projects.create_ready(rest, "kept")
    path = f"/v1/projects/{project['id']}"
    direct, pooled = await projects.urls(rest, project["id"])
    async with session(direct) as at_work, session(pooled) as in_the_pool:
        await at_work.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        await value(in_the_pool, "SELECT answer FROM kept")
        answer = await organizations(stack).SuspendOrganization(
            organizations_pb2.SuspendOrganizationRequest(
                organization_id=debtor.organization_id, reason="the invoice of May"
            )
        )
        assert answer.accepted_jobs == 1
        journal = (await latest(rest, project["id"]))["last_stdout"]
        assert "ended 1 client of the pooler" in journal
        for ended in (at_work, in_the_pool):
            with pytest.raises(psycopg.OperationalError):
                await ended.execute("SELECT 1")
    assert "not permitted to log in" in await refusal(direct)
    assert re.search(SHUT, await refusal(pooled))

    # Everything is there to be read, and the refusals say why.
    shown = (await rest.expect(200, "GET", organization))["organization"]
    assert (shown["billing_status"], shown["suspended_reason"]) == ("suspended", "the invoice of May")
    assert shown["suspended_at"].endswith("Z")
    assert await projects.urls(rest, project["id"]) == (direct, pooled)
    for read in ("", "/jobs", "/extensions", "/audit-events"):
        await rest.expect(200, "GET", path + read)
    for verb, where, body in (
        ("POST", "/v1/projects", {"name": "more"}),
        ("PATCH", path, {"name": "other"}),
        ("DELETE", path, None),
        ("POST", f"{path}/extensions", {"name": "citext"}),
        ("POST", f"{path}/retry-provisioning", None),
        ("POST", f"{organization}/api-keys", {"name": "x", "scopes": ["*"]}),
    ):
        assert "suspended" in (await rest.refused(403, verb, where, body))["error"]

    # The comparison by the clock finds all as it should be, and opens nothing.
    report = await cluster_pb2_grpc.ClusterServiceStub(stack.admin).CheckCluster(
        cluster_pb2.CheckClusterRequest(repair=True)
    )
    assert [it for it in report.findings if it.project_id == project["id"]] == []
    assert "not permitted to log in" in await refusal(direct)

    released = await organizations(stack).ReleaseOrganization(
        organizations_pb2.ReleaseOrganizationRequest(organization_id=debtor.organization_id)
    )
    assert released.accepted_jobs == 1
    assert (await rest.expect(200, "GET", organization))["organization"]["billing_status"] == "active"
    await latest(rest, project["id"])
    for url in (direct, pooled):
        assert await ask(url, "SELECT answer FROM kept") == 42
    assert (await projects.get(rest, project["id"]))["max_connections"] == project["max_connections"]


async def test_what_was_being_created_is_shut_when_it_is_ready(stack: RunningStack, debtor: OtherOrganization) -> None:
    rest = debtor.rest
    created = [await projects.create(rest, f"number {number}") for number in range(4)]
    await organizations(stack).SuspendOrganization(
        organizations_pb2.SuspendOrganizationRequest(organization_id=debtor.organization_id, reason="fraud")
    )
    for project, _ in created:
        await latest(rest, project["id"])
        found = await projects.urls(rest, project["id"])
        assert "not permitted to log in" in await refusal(found.direct)
        assert re.search(SHUT, await refusal(found.pooled))


async def test_a_login_opened_by_hand_is_shut_again(stack: RunningStack, debtor: OtherOrganization) -> None:
    project = await projects.create_ready(debtor.rest)
    direct, _ = await projects.urls(debtor.rest, project["id"])
    await organizations(stack).SuspendOrganization(
        organizations_pb2.SuspendOrganizationRequest(organization_id=debtor.organization_id, reason="fraud")
    )
    await latest(debtor.rest, project["id"])
    await stack.administer(
        f"SELECT 1; ALTER ROLE {project['role_name']} LOGIN CONNECTION LIMIT 5;"
        f" ALTER DATABASE {project['database_name']} CONNECTION LIMIT 5"
    )
    report = await cluster_pb2_grpc.ClusterServiceStub(stack.admin).CheckCluster(
        cluster_pb2.CheckClusterRequest(repair=True)
    )
    (finding,) = [it for it in report.findings if it.project_id == project["id"]]
    assert finding.repaired, finding
    assert "not permitted to log in" in await refusal(direct)


async def test_another_plan(stack: RunningStack, debtor: OtherOrganization) -> None:
    rest = debtor.rest
    plain, own = await projects.create_ready(rest, "plain"), await projects.create_ready(rest, "own")
    changed = await rest.expect(200, "PATCH", f"/v1/projects/{own['id']}", {"max_connections": 4})
    await projects.completed(rest, changed["project"]["latest_job_id"])
    answer = await organizations(stack).UpdateOrganization(
        organizations_pb2.UpdateOrganizationRequest(organization_id=debtor.organization_id, plan="ship")
    )
    assert (answer.organization.billing_plan, answer.accepted_jobs) == ("ship", 2)
    for project, connections in ((plain, 30), (own, 4)):
        await latest(rest, project["id"])
        found = await projects.get(rest, project["id"])
        assert (found["plan"], found["max_connections"], found["statement_timeout"]) == ("ship", connections, "60s")
        direct, pooled = await projects.urls(rest, project["id"])
        for url in (direct, pooled):
            assert await ask(url, "SHOW statement_timeout") == "1min"
        limits = await stack.administer(
            "SELECT datconnlimit FROM pg_database WHERE datname = %s", project["database_name"]
        )
        assert limits == [(connections,)]

    async def carried() -> list[tuple[object, ...]]:
        return await stack.administer("SELECT plan FROM capyd.organizations WHERE id = %s", debtor.organization_id)

    assert await until(carried, lambda rows: rows == [("ship",)])
