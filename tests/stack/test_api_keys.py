"""API keys over REST: made once, listed, refused from the moment they are revoked or expired."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.stack import projects
from tests.stack.polling import until
from tests.stack.rest import Reply, Rest, check_refusal
from tests.stack.running import OtherOrganization, RunningStack

SHAPE = {"id", "organization_id", "name", "key_prefix", "scopes", "source", "is_active", "created_at"}


@pytest.fixture
def keys(stack: RunningStack) -> str:
    """The path of the organization's keys."""
    return stack.keys_path


async def test_a_key_from_create_to_revoke(rest: Rest, keys: str, stack: RunningStack) -> None:
    scopes = ["jobs:read", "projects:read"]
    body = {"name": "CI", "scopes": scopes, "device_name": "a laptop"}
    created = await rest.expect(201, "POST", keys, body)
    assert set(created) == {"api_key", "plaintext_api_key"}
    key, text = created["api_key"], created["plaintext_api_key"]
    assert set(key) == SHAPE
    assert key["id"].startswith("key_")
    assert (key["organization_id"], key["name"], key["is_active"]) == (stack.organization_id, "CI", True)
    assert key["scopes"] == scopes  # in the order in which they were sent
    assert text.startswith(key["key_prefix"])
    assert text.startswith("capy_live_")
    assert len(key["key_prefix"]) < len(text) / 2

    with_it = rest.with_token(text)
    assert (await with_it.expect(200, "GET", "/v1/me"))["principal"]["scopes"] == scopes
    listed = await rest.send("GET", keys)
    assert text not in listed.body.decode()
    assert key["id"] in [one["id"] for one in listed.json["api_keys"]]

    assert await rest.expect(200, "DELETE", f"{keys}/{key['id']}") == {"revoked": True}
    await with_it.refused(401, "GET", "/v1/me")
    await with_it.refused(401, "GET", "/v1/projects")
    assert await rest.expect(200, "DELETE", f"{keys}/{key['id']}") == {"revoked": True}
    revoked = await find(rest, keys, key["id"])
    assert revoked["is_active"] is False
    assert set(revoked) >= SHAPE | {"revoked_at"}


async def find(rest: Rest, keys: str, key_id: str) -> projects.Json:
    """One key out of the list."""
    return next(key for key in (await rest.expect(200, "GET", keys))["api_keys"] if key["id"] == key_id)


async def test_an_expired_key_is_refused(rest: Rest, keys: str) -> None:
    expires_at = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    created = await rest.expect(
        201, "POST", keys, {"name": "brief", "scopes": ["projects:read"], "expires_at": expires_at}
    )
    brief = rest.with_token(created["plaintext_api_key"])

    async def ask() -> Reply:
        return await brief.send("GET", "/v1/me")

    body = check_refusal(await until(ask, lambda reply: reply.status != 200), 401)
    assert "expired" in body["error"]
    assert (await find(rest, keys, created["api_key"]["id"]))["is_active"] is False


async def test_the_other_header(rest: Rest) -> None:
    reply = await rest.send("GET", "/v1/me", headers={"X-API-Key": rest.token})
    assert reply.status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"Authorization": "Bearer capy_live_"},
        {"Authorization": "Bearer capy_live_" + "A" * 38},
        {"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."},
        {"Authorization": "Bearer ' OR 1=1 --"},
        {"Authorization": "Bearer " + "a" * 5000},
        {"X-API-Key": "nonsense"},
    ],
    ids=lambda headers: str(headers)[:50],
)
async def test_a_token_that_is_none(rest: Rest, headers: dict[str, str]) -> None:
    for verb, path in (("GET", "/v1/projects"), ("POST", "/v1/projects"), ("GET", "/v1/me")):
        reply = await rest.send(verb, path, headers=headers)
        check_refusal(reply, 401)
        assert reply.headers["WWW-Authenticate"] == "Bearer"


async def test_a_key_gives_no_more_than_it_has(stack: RunningStack, rest: Rest, keys: str) -> None:
    writer = await stack.key("api_keys:write", "jobs:read")
    await writer.expect(201, "POST", keys, {"name": "less", "scopes": ["jobs:read"]})
    for beyond in ("*", "projects:write"):
        body = await writer.refused(403, "POST", keys, {"name": "more", "scopes": [beyond]})
        assert body["code"] == "missing_scope"


async def test_keys_of_another_organization_are_not_there(rest: Rest, other: OtherOrganization, keys: str) -> None:
    theirs = f"/v1/organizations/{other.organization_id}/api-keys"
    (their_key,) = (await other.rest.expect(200, "GET", theirs))["api_keys"]
    await rest.refused(404, "GET", theirs)
    await rest.refused(404, "POST", theirs, {"name": "x", "scopes": ["*"]})
    await rest.refused(404, "DELETE", f"{theirs}/{their_key['id']}")
    await rest.refused(404, "DELETE", f"{keys}/{their_key['id']}")
    await rest.refused(404, "GET", f"/v1/organizations/{other.organization_id}")
    assert (await other.rest.expect(200, "GET", theirs))["api_keys"][0]["is_active"] is True


async def test_a_key_bound_to_a_project_reaches_nothing_else(
    stack: RunningStack, rest: Rest, project: projects.Json, keys: str
) -> None:
    sibling = await projects.create_ready(rest, "sibling")
    bound = await stack.key("*", project_id=sibling["id"])

    assert (await bound.expect(200, "GET", "/v1/me"))["principal"]["project_id"] == sibling["id"]
    assert [one["id"] for one in await projects.list_projects(bound)] == [sibling["id"]]
    await bound.expect(200, "GET", f"/v1/projects/{sibling['id']}/connections")
    await bound.expect(200, "GET", f"/v1/jobs/{sibling['latest_job_id']}")
    await projects.completed(bound, (await projects.enable(bound, sibling["id"], "citext"))["id"])

    for path in ("", "/connections", "/extensions", "/jobs"):
        await bound.refused(404, "GET", f"/v1/projects/{project['id']}{path}")
    await bound.refused(404, "PATCH", f"/v1/projects/{project['id']}", {})
    await bound.refused(404, "DELETE", f"/v1/projects/{project['id']}")
    await bound.refused(404, "GET", f"/v1/jobs/{project['latest_job_id']}")

    await bound.refused(403, "POST", "/v1/projects", {"name": "another"})
    await bound.refused(403, "GET", f"/v1/organizations/{stack.organization_id}")
    await bound.refused(403, "GET", keys)
    await bound.refused(403, "POST", keys, {"name": "x", "scopes": ["projects:read"]})
