"""Each route asks for its own scope, and for no other."""

import pytest

from capyd.domain.principals import ALL_SCOPES
from tests.stack.rest import Rest, check_refusal
from tests.stack.running import RunningStack

NOBODY = "/v1/projects/prj_nobody"

# Method, path, scope, and the status that whoever holds the scope gets, from something that is not there.
ROUTES = [
    ("GET", "/v1/projects", "projects:read", 200),
    ("POST", "/v1/projects", "projects:write", 400),
    ("GET", NOBODY, "projects:read", 404),
    ("PATCH", NOBODY, "projects:write", 404),
    ("DELETE", NOBODY, "projects:write", 404),
    ("POST", f"{NOBODY}/retry-provisioning", "projects:write", 404),
    ("GET", f"{NOBODY}/extensions", "projects:read", 404),
    ("POST", f"{NOBODY}/extensions", "projects:write", 404),
    ("DELETE", f"{NOBODY}/extensions/citext", "projects:write", 404),
    ("POST", f"{NOBODY}/extensions/citext/update", "projects:write", 404),
    ("GET", f"{NOBODY}/connections", "credentials:read", 404),
    ("POST", f"{NOBODY}/credentials/rotate", "projects:write", 404),
    ("GET", f"{NOBODY}/jobs", "jobs:read", 404),
    ("GET", f"{NOBODY}/audit-events", "projects:read", 404),
    ("GET", "/v1/jobs/job_nobody", "jobs:read", 404),
    ("GET", "/v1/organizations/org_nobody", "organizations:read", 404),
    ("GET", "/v1/organizations/org_nobody/usage", "organizations:read", 404),
    ("GET", "/v1/organizations/org_nobody/api-keys", "api_keys:read", 404),
    ("POST", "/v1/organizations/org_nobody/api-keys", "api_keys:write", 404),
    ("DELETE", "/v1/organizations/org_nobody/api-keys/key_nobody", "api_keys:write", 404),
    ("GET", "/v1/regions", "projects:read", 200),
    ("GET", "/v1/clusters", "projects:read", 200),
    ("GET", "/v1/postgres-versions", "projects:read", 200),
]
BODIES = {
    "/v1/projects": {"name": ""},
    f"{NOBODY}/extensions": {"name": "citext"},
    "/v1/organizations/org_nobody/api-keys": {"name": "x", "scopes": ["jobs:read"]},
}
WITHOUT_SCOPE = {("get", "/status"), ("get", "/v1/me")}


@pytest.fixture(scope="session")
async def with_only(stack: RunningStack) -> dict[str, Rest]:
    """A client for each scope, which holds that one alone."""
    return {scope: await stack.key(scope) for scope in ALL_SCOPES}


@pytest.fixture(scope="session")
async def without(stack: RunningStack) -> dict[str, Rest]:
    """A client for each scope, which holds all but that one."""
    return {scope: await stack.key(*(one for one in ALL_SCOPES if one != scope)) for scope in ALL_SCOPES}


@pytest.mark.parametrize(("verb", "path", "scope", "status"), ROUTES, ids=str)
async def test_the_route_asks_for_its_scope(
    with_only: dict[str, Rest], without: dict[str, Rest], verb: str, path: str, scope: str, status: int
) -> None:
    body = BODIES.get(path) if verb == "POST" else None
    lacking = await without[scope].refused(403, verb, path, body)
    assert lacking["code"] == "missing_scope"
    assert scope in lacking["error"]
    enough = await with_only[scope].send(verb, path, body)
    if status == 200:
        assert enough.status == 200
    else:
        check_refusal(enough, status)


async def test_no_route_is_missing_above(rest: Rest) -> None:
    paths = (await rest.send("GET", "/v1/openapi.json", headers={})).json["paths"]
    declared = {(verb, path) for path, verbs in paths.items() for verb in verbs}
    ids = {
        "prj_nobody": "{project_id}",
        "job_nobody": "{job_id}",
        "org_nobody": "{organization_id}",
        "key_nobody": "{api_key_id}",
        "citext": "{name}",
    }
    covered = set()
    for verb, path, _, _ in ROUTES:
        covered.add((verb.lower(), "/".join(ids.get(part, part) for part in path.split("/"))))
    assert declared - WITHOUT_SCOPE == covered
