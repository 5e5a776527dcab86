"""The audit trail of a whole stack: every mutation and refusal, over REST, and a chain that verifies."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from capyd.v1 import audit_pb2, projects_pb2
from capyd.v1.audit_pb2_grpc import AuditServiceStub
from capyd.v1.projects_pb2_grpc import ProjectServiceStub
from tests.stack import projects
from tests.stack.projects import Json
from tests.stack.rest import Rest
from tests.stack.running import OtherOrganization, RunningStack


async def events(rest: Rest, project_id: str, *, limit: int | None = None) -> list[Json]:
    suffix = "" if limit is None else f"?limit={limit}"
    found = await rest.expect(200, "GET", f"/v1/projects/{project_id}/audit-events{suffix}")
    return list(found["audit_events"])


async def capyd(stack: RunningStack, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "capyd", "audit", *arguments]
    if arguments[0] != "verify" or "--file" not in arguments:
        argv += ["--target", stack.ready["admin_target"]]
    return await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, timeout=60, check=False)


async def test_what_was_done_to_a_project_is_told_newest_first(stack: RunningStack) -> None:
    project, job = await projects.create(stack.rest, "audited")
    await projects.completed(stack.rest, job["id"])
    path = f"/v1/projects/{project['id']}"
    changed = await stack.rest.send(
        "PATCH",
        path,
        {"max_connections": 7},
        headers={"Authorization": f"Bearer {stack.rest.token}", "X-Request-Id": "mine-1"},
    )
    assert changed.status == 200
    await projects.urls(stack.rest, project["id"])
    await stack.rest.expect(400, "POST", f"{path}/extensions", {"name": "no_such"})
    told = await events(stack.rest, project["id"])
    assert [(event["action"], event["metadata"]["outcome"]) for event in told] == [
        ("extension.enable", "invalid_argument"),
        ("project.read_credentials", "accepted"),
        ("project.update", "accepted"),
        ("project.create", "accepted"),
    ]
    created = told[-1]
    assert set(created) == {
        "id",
        "organization_id",
        "project_id",
        "action",
        "actor_kind",
        "actor_id",
        "metadata",
        "created_at",
    }
    assert created["id"].startswith("aud_")
    assert (created["organization_id"], created["project_id"]) == (stack.organization_id, project["id"])
    assert (created["actor_kind"], created["actor_id"][:4]) == ("api_key", "key_")
    assert created["metadata"]["job_id"] == job["id"]
    update = told[-2]["metadata"]
    assert (update["max_connections"], update["request_id"], update["address"]) == ("7", "mine-1", "127.0.0.1")
    assert [event["id"] for event in await events(stack.rest, project["id"], limit=2)] == [
        event["id"] for event in told[:2]
    ]
    secrets = [stack.rest.token, *await projects.urls(stack.rest, project["id"])]
    assert not any(secret in json.dumps(told) for secret in secrets)


async def test_a_repeated_request_is_told_as_one(stack: RunningStack) -> None:
    service = ProjectServiceStub(stack.api)
    request = projects_pb2.CreateProjectRequest(name="once", request_id="audit-once")
    first = await service.CreateProject(request)
    assert await service.CreateProject(request) == first
    told = await events(stack.rest, first.project.id)
    assert [event["metadata"]["outcome"] for event in told] == ["repeated", "accepted"]


async def test_a_refused_stranger_is_told_to_its_own_organization_alone(
    stack: RunningStack, project: Json, other: OtherOrganization
) -> None:
    before = await events(stack.rest, project["id"], limit=1000)
    await other.rest.refused(404, "DELETE", f"/v1/projects/{project['id']}")
    reader = await stack.key("projects:read")
    await reader.refused(403, "DELETE", f"/v1/projects/{project['id']}")
    told = await events(stack.rest, project["id"], limit=1000)
    assert len(told) == len(before) + 1
    assert (told[0]["action"], told[0]["metadata"]["outcome"]) == ("project.delete", "missing_scope")
    await other.rest.refused(404, "GET", f"/v1/projects/{project['id']}/audit-events")
    found = await AuditServiceStub(stack.admin).ListAuditRecords(
        audit_pb2.ListAuditRecordsRequest(organization_id=other.organization_id, page_size=1)
    )
    (record,) = found.records
    assert (record.outcome, record.target_id, record.HasField("project_id")) == ("not_found", project["id"], False)


async def test_a_limit_that_cannot_be_is_refused(stack: RunningStack, project: Json) -> None:
    for limit in ("0", "-1", "1001", "many"):
        await stack.rest.refused(400, "GET", f"/v1/projects/{project['id']}/audit-events?limit={limit}")


async def test_pages_and_a_limit_over_grpc(stack: RunningStack, project: Json) -> None:
    service = AuditServiceStub(stack.api)
    for _ in range(5):
        await projects.urls(stack.rest, project["id"])
    whole = await service.ListProjectAuditEvents(
        audit_pb2.ListProjectAuditEventsRequest(project_id=project["id"], limit=5)
    )
    paged: list[Any] = []
    token = ""
    while True:
        page = await service.ListProjectAuditEvents(
            audit_pb2.ListProjectAuditEventsRequest(project_id=project["id"], limit=5, page_size=2, page_token=token)
        )
        assert len(page.audit_events) <= 2
        paged += page.audit_events
        token = page.next_page_token
        if not token:
            break
    assert paged == list(whole.audit_events)
    assert len(paged) == 5


async def test_the_trail_verifies_live_and_as_an_export(stack: RunningStack, tmp_path: Path) -> None:
    live = await capyd(stack, "verify")
    assert live.returncode == 0, live.stdout + live.stderr
    assert "as they were written" in live.stdout
    exported = await capyd(stack, "export")
    lines = exported.stdout.splitlines()
    assert [json.loads(line)["sequence"] for line in lines] == list(range(1, len(lines) + 1))
    (tmp_path / "export").write_text(exported.stdout)
    assert (await capyd(stack, "verify", "--file", str(tmp_path / "export"))).returncode == 0
    part = await capyd(stack, "export", "--after", "3")
    (tmp_path / "part").write_text(part.stdout)
    assert (await capyd(stack, "verify", "--file", str(tmp_path / "part"))).returncode == 0
    (tmp_path / "altered").write_text(exported.stdout.replace("project.create", "project.delete", 1))
    altered = await capyd(stack, "verify", "--file", str(tmp_path / "altered"))
    assert altered.returncode == 1
    assert "not as it was written" in altered.stdout
    assert (await capyd(stack, "verify", "--file", stack.settings["state"]["path"])).returncode == 0
    shown = await capyd(stack, "list", "--limit", "3")
    assert len(shown.stdout.splitlines()) == 4
    assert (await capyd(stack, "verify", "--file", str(tmp_path))).returncode == 2
