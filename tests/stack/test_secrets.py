"""No secret stands where somebody reads who was not given it: logs, jobs, errors, the state file."""

import pytest

from tests.stack import projects
from tests.stack.running import RunningStack
from tests.stack.tenant import parts


@pytest.fixture(params=["stack", "mortal"])
def used(request: pytest.FixtureRequest, stack: RunningStack, mortal: RunningStack) -> RunningStack:
    """A stack that other tests have used, or done violence to."""
    return {"stack": stack, "mortal": mortal}[request.param]


async def test_no_secret_is_left_lying(used: RunningStack) -> None:
    issued = await _provoke(used)
    secrets = {**await _secrets(used), **issued}
    # The directory below belongs to the servers, whose own files must hold the verifiers.
    read = [*(used.state / "logs").iterdir(), *used.state.glob("capyd*")]
    assert {"capyd.log", "capyd_http.log", "postgres.log", "pgbouncer.log"} <= {file.name for file in read}
    assert "capyd.sqlite" in {file.name for file in read}
    for file in read:
        assert _found(file.read_bytes(), secrets) == [], file.name
    for project in await projects.list_projects(used.rest):
        jobs = await used.rest.send("GET", f"/v1/projects/{project['id']}/jobs?limit=1000")
        assert _found(jobs.body, secrets) == []


def _found(content: bytes, secrets: dict[str, str]) -> list[str]:
    return [what for text, what in secrets.items() if text.encode() in content]


async def _provoke(stack: RunningStack) -> dict[str, str]:
    """A project, a key in places where none belongs, and a job that fails; the key."""
    project = await projects.create_ready(stack.rest)
    key = await stack.key("*", project_id=project["id"])
    await stack.rest.refused(400, "POST", "/v1/projects", {"name": "x", "region": key.token})
    await stack.rest.refused(404, "GET", f"/v1/projects/{key.token}")
    await stack.rest.refused(404, "GET", f"/v1/{key.token}?token={key.token}")
    await key.refused(403, "POST", "/v1/projects", {"name": "x"})
    job = (await stack.rest.expect(202, "POST", f"/v1/projects/{project['id']}/extensions/ltree/update"))["job"]
    assert (await projects.final(stack.rest, job["id"]))["state"] == "failed"
    return {key.token: "a key"}


async def _secrets(stack: RunningStack) -> dict[str, str]:
    """What each secret is, by its text."""
    secrets = {
        stack.rest.token: "the organization's key",
        (stack.state / "secret.key").read_text().strip(): "the sealing key",
    }
    for project in await projects.list_projects(stack.rest):
        for url in await projects.urls(stack.rest, project["id"]):
            secrets[parts(url)["password"]] = f"the password of {project['id']}"
    # Those of spares too, which no role has yet.
    for name, verifier in await stack.administer("SELECT database_name, verifier FROM capyd.tenants"):
        stored, server = verifier.rpartition("$")[2].split(":")
        secrets |= {stored: f"the stored key of {name}", server: f"the server key of {name}"}
    return secrets
