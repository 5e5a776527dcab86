"""Requests that are wrong before their values are: the right status, one sentence that helps, and nothing done."""

import json

import pytest

from tests.stack import projects
from tests.stack.rest import Rest, check_refusal
from tests.stack.running import OtherOrganization, RunningStack

pytestmark = pytest.mark.usefixtures("nothing_is_done")

MEBIBYTE = 1024 * 1024


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"name"',
        b"1",
        b'{"name": "x"',
        b"{'name': 'x'}",
        b'{"name": "x",}',
        b'{"name": "x"} {"name": "y"}',
        b'{"name": "x", "name": "y"}',
        b'{"name": NaN}',
        b'{"name": "\xff\xfe"}',
        b'{"name": "\\ud800"}',
        b"[" * 100_000,
        b'{"name": ' + b"9" * 10_000 + b"}",
        b"name=x",
        b"\x00\x01\x02",
        b"<name>x</name>",
    ],
    ids=lambda body: ascii(body[:30]),
)
async def test_a_body_that_is_no_json_object(rest: Rest, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {rest.token}", "Content-Type": "application/json"}
    for verb, path in (("POST", "/v1/projects"), ("POST", "/v1/projects/prj_nobody/extensions")):
        check_refusal(await rest.send(verb, path, data=body, headers=headers), 400)


HOSTILE_IDS = [
    "prj_nobody",
    "prj_" + "a" * 2_000,
    "%00",
    "%0a",
    "%F0%9F%A6%AB",
    "%27%20OR%201%3D1%20--",
    "..",
    "%2e%2e%2f",
    "*",
    "%25s",
    "capyd",
    "1",
]


@pytest.mark.parametrize("unknown", HOSTILE_IDS, ids=lambda part: part[:20])
async def test_an_id_of_nothing(stack: RunningStack, rest: Rest, unknown: str) -> None:
    for verb, path in (
        ("GET", f"/v1/projects/{unknown}"),
        ("PATCH", f"/v1/projects/{unknown}"),
        ("DELETE", f"/v1/projects/{unknown}"),
        ("POST", f"/v1/projects/{unknown}/retry-provisioning"),
        ("GET", f"/v1/projects/{unknown}/connections"),
        ("GET", f"/v1/projects/{unknown}/extensions"),
        ("GET", f"/v1/projects/{unknown}/jobs"),
        ("GET", f"/v1/jobs/{unknown}"),
        ("GET", f"/v1/organizations/{unknown}"),
        ("DELETE", f"{stack.keys_path}/{unknown}"),
    ):
        reply = await rest.send(verb, path)
        # A path that cannot name anything may be called malformed.
        check_refusal(reply, 400 if reply.status == 400 else 404)


async def test_another_organizations_project_is_not_there(
    stack: RunningStack, rest: Rest, other: OtherOrganization, foreign: projects.Json
) -> None:
    path = f"/v1/projects/{foreign['id']}"
    for verb, below, body in (
        ("GET", "", None),
        ("PATCH", "", {"name": "mine"}),
        ("DELETE", "", None),
        ("POST", "/retry-provisioning", None),
        ("GET", "/connections", None),
        ("GET", "/extensions", None),
        ("POST", "/extensions", {"name": "citext"}),
        ("DELETE", "/extensions/vector", None),
        ("GET", "/jobs", None),
    ):
        await rest.refused(404, verb, path + below, body)
    await rest.refused(404, "POST", "/v1/projects", {"name": "x", "organization_id": other.organization_id})
    await rest.refused(404, "POST", stack.keys_path, {"name": "x", "scopes": ["*"], "project_id": foreign["id"]})
    listed = (await rest.expect(200, "GET", f"/v1/projects?organization_id={other.organization_id}"))["projects"]
    assert foreign["id"] not in [one["id"] for one in listed]
    assert await projects.get(other.rest, foreign["id"]) == foreign


@pytest.mark.parametrize(
    ("verb", "path", "allowed"),
    [
        ("PUT", "/v1/projects", {"GET", "POST"}),
        ("DELETE", "/v1/projects", {"GET", "POST"}),
        ("POST", "/v1/projects/prj_x", {"GET", "PATCH", "DELETE"}),
        ("GET", "/v1/projects/prj_x/retry-provisioning", {"POST"}),
        ("POST", "/v1/me", {"GET"}),
        ("DELETE", "/v1/jobs/job_x", {"GET"}),
        ("PROPFIND", "/v1/regions", {"GET"}),
    ],
)
async def test_a_method_that_the_path_does_not_take(rest: Rest, verb: str, path: str, allowed: set[str]) -> None:
    reply = await rest.send(verb, path)
    check_refusal(reply, 405)
    assert set(reply.headers["Allow"].split(", ")) >= allowed


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/", "/v1/projects/", "/v2/projects", "/v1/Projects", "//v1/projects", "/v1/nothing"]
)
async def test_a_path_of_nothing_is_no_redirect(rest: Rest, path: str) -> None:
    await rest.refused(404, "GET", path)


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin1",
    ],
)
async def test_a_body_of_another_type(rest: Rest, kind: str) -> None:
    headers = {"Authorization": f"Bearer {rest.token}", "Content-Type": kind}
    check_refusal(await rest.send("POST", "/v1/projects", data=b'{"name": "x"}', headers=headers), 415)


async def test_a_body_that_is_too_large(rest: Rest) -> None:
    body = json.dumps({"name": "x" * MEBIBYTE}).encode()
    headers = {"Authorization": f"Bearer {rest.token}"}
    check_refusal(await rest.send("POST", "/v1/projects", data=body, headers=headers), 413)


async def test_a_stranger_hears_nothing_but_that(rest: Rest, project: projects.Json) -> None:
    stranger = rest.with_token("capy_live_" + "A" * 38)
    await stranger.refused(401, "GET", f"/v1/projects/{project['id']}")
    await stranger.refused(401, "POST", "/v1/projects", {"nmae": "x"})
    await stranger.refused(401, "DELETE", f"/v1/projects/{project['id']}")
