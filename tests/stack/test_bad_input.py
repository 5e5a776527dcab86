"""Bad input over REST: the right status, one sentence that helps, and nothing done."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.stack import projects
from tests.stack.rest import Rest, check_refusal
from tests.stack.running import OtherOrganization, RunningStack

MEBIBYTE = 1024 * 1024


@pytest.fixture(autouse=True)
async def nothing_is_done(stack: RunningStack, project: projects.Json, foreign: projects.Json) -> AsyncIterator[None]:
    """Whatever a test of this file sends, both faces and the cluster are afterwards as they were."""
    before = await _everything(stack)
    yield
    assert await _everything(stack) == before


async def _everything(stack: RunningStack) -> list[Any]:
    await stack.spares()  # else the refilling of what earlier tests took would look like something done
    return [
        await projects.list_projects(stack.rest),
        [key["id"] for key in (await stack.rest.expect(200, "GET", _keys(stack)))["api_keys"]],
        await stack.administer("SELECT oid, datname, datconnlimit FROM pg_database ORDER BY oid"),
        await stack.administer("SELECT oid, rolname, rolconnlimit FROM pg_roles ORDER BY oid"),
        await stack.administer("SELECT database_name, project_id FROM capyd.tenants ORDER BY 1"),
    ]


def _keys(stack: RunningStack) -> str:
    return f"/v1/organizations/{stack.organization_id}/api-keys"


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


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", None),
        ("name", 5),
        ("name", True),
        ("name", ["x"]),
        ("name", {}),
        ("name", ""),
        ("name", "   "),
        ("name", "a" * 101),
        ("name", "a" * 10_000),
        ("name", "two\nlines"),
        ("name", "nul\x00"),
        ("name", "bell\x07"),
        ("name", "escape\x1b[31m"),
        ("name", "c1\x85"),
        ("name", "line\u2028separator"),
        ("name", "half \ud800 of a pair"),
        ("environment", "staging"),
        ("environment", "PRODUCTION"),
        ("environment", ""),
        ("environment", 1),
        ("slug", ""),
        ("slug", "-x"),
        ("slug", "x-"),
        ("slug", "Upper"),
        ("slug", "under_score"),
        ("slug", "a" * 64),
        ("slug", "x\n"),
        ("slug", "é"),
        ("slug", "'; DROP TABLE projects; --"),
        ("region", "mars"),
        ("region", ""),
        ("cluster_id", "cls_other"),
        ("postgres_version", "9"),
        ("postgres_version", 15),
        ("postgres_version", "15; DROP"),
        ("plan", "business"),
        ("state", "ready"),
        ("id", "prj_mine"),
        ("database_name", "postgres"),
        ("nmae", "a typo"),
        ("__proto__", {}),
    ],
    ids=lambda part: ascii(part)[:30],
)
async def test_a_project_that_cannot_be(rest: Rest, field: str, wrong: object) -> None:
    body = await rest.refused(400, "POST", "/v1/projects", {"name": "bad input", field: wrong})
    assert body["field"] == field
    assert field in body["error"]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", ""),
        ("name", None),
        ("name", "a\tb"),
        ("environment", "test"),
        ("always_on", "yes"),
        ("always_on", 1),
        ("max_connections", 0),
        ("max_connections", -1),
        ("max_connections", 1.5),
        ("max_connections", 5.0),
        ("max_connections", "5"),
        ("max_connections", True),
        ("max_connections", None),
        ("max_connections", 2**31),
        ("max_connections", 10**400),
        ("statement_timeout", 30),
        ("statement_timeout", "30"),
        ("statement_timeout", "0s"),
        ("statement_timeout", "-1s"),
        ("statement_timeout", "1.5s"),
        ("statement_timeout", "a while"),
        ("statement_timeout", "30s; RESET ALL"),
        ("statement_timeout", "99999999999999999999s"),
        ("statement_timeout", "٣s"),
        ("idle_transaction_timeout", ""),
        ("slug", "other"),
        ("region", "local"),
        ("storage_limit_bytes", 10),
    ],
    ids=lambda part: ascii(part)[:30],
)
async def test_a_change_that_cannot_be(rest: Rest, project: projects.Json, field: str, wrong: object) -> None:
    body = await rest.refused(400, "PATCH", f"/v1/projects/{project['id']}", {field: wrong})
    assert body["field"] == field


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", ""),
        ("name", "a\nb"),
        ("name", 7),
        ("scopes", []),
        ("scopes", "*"),
        ("scopes", None),
        ("scopes", ["projects:admin"]),
        ("scopes", ["jobs:read", "jobs:read"]),
        ("scopes", [""]),
        ("expires_at", "2020-01-01T00:00:00Z"),
        ("expires_at", "tomorrow"),
        ("expires_at", "2030-02-30T00:00:00Z"),
        ("expires_at", "2030-01-01"),
        ("expires_at", 1893456000),
        ("plaintext_api_key", "capy_live_mine"),
        ("organization_id", "org_other"),
    ],
    ids=lambda part: ascii(part)[:30],
)
async def test_a_key_that_cannot_be(stack: RunningStack, rest: Rest, field: str, wrong: object) -> None:
    body = await rest.refused(400, "POST", _keys(stack), {"name": "x", "scopes": ["jobs:read"], field: wrong})
    assert body["field"] == field


async def test_a_list_says_which_of_its_values_is_wrong(stack: RunningStack, rest: Rest) -> None:
    body = await rest.refused(400, "POST", _keys(stack), {"name": "x", "scopes": ["jobs:read", 5]})
    assert body["field"] == "scopes[1]"


@pytest.mark.parametrize("missing", ["name", "scopes"])
async def test_what_is_required(stack: RunningStack, rest: Rest, missing: str) -> None:
    whole = {"name": "x", "scopes": ["jobs:read"]}
    body = await rest.refused(
        400, "POST", _keys(stack), {name: value for name, value in whole.items() if name != missing}
    )
    assert body["field"] == missing


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
        ("DELETE", f"{_keys(stack)}/{unknown}"),
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
    await rest.refused(404, "POST", _keys(stack), {"name": "x", "scopes": ["*"], "project_id": foreign["id"]})
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
