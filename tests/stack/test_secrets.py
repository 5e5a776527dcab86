"""No secret stands where somebody reads who was not given it: logs at every level, jobs, errors, events, audit rows,
all rows of the state file and of its backups.
"""

import asyncio
import os
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from capyd.runtime.clock import utc_now
from capyd.sqlite.backup import Backups
from tests.issuers.server import forged
from tests.stack import projects
from tests.stack.polling import until
from tests.stack.rest import SHOWN
from tests.stack.running import RunningStack
from tests.stack.tenant import parts

# What a client showed as a session: good or not, it may be good elsewhere.
_SESSION = forged({"alg": "RS256", "kid": "k"}, {"iss": "https://else.example", "sub": "user_1"})


@pytest.fixture(params=["stack", "mortal"])
def used(request: pytest.FixtureRequest, stack: RunningStack, mortal: RunningStack) -> RunningStack:
    """A stack that other tests have used, or done violence to."""
    return {"stack": stack, "mortal": mortal}[request.param]


async def test_no_secret_is_left_lying(used: RunningStack, tmp_path: Path) -> None:
    async with _debugging(used):
        issued = await _provoke(used)
    secrets = {**await _secrets(used), **issued}
    # The directory below belongs to the servers, whose own files must hold the verifiers.
    read = [*(used.state / "logs").iterdir(), *used.state.glob("capyd*"), *used.state.glob("issuers/*")]
    assert {"capyd.log", "capyd_http.log", "postgres.log", "pgbouncer.log"} <= {file.name for file in read}
    assert "capyd.sqlite" in {file.name for file in read}
    for file in read:
        if file.is_file():
            assert _found(file.read_bytes(), secrets) == [], file.name
    # Row by row too: in the file a long text is broken up over pages. A backup is the file as it is now.
    backup = await Backups(state=used.state / "capyd.sqlite", directory=tmp_path, keep=1).make(now=utc_now())
    rows = await asyncio.to_thread(_rows, backup.path)
    assert {"jobs", "events", "audit_events", "api_keys", "answers"} <= set(rows), set(rows)
    for table, content in rows.items():
        assert _found(content, secrets) == [], table
    for project in await projects.list_projects(used.rest):
        jobs = await used.rest.send("GET", f"/v1/projects/{project['id']}/jobs?limit=1000")
        assert _found(jobs.body, secrets) == []


def _rows(file: Path) -> dict[str, bytes]:
    """All rows of each table, as text and bytes."""
    with sqlite3.connect(file) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: b"\n".join(
                value if isinstance(value, bytes) else str(value).encode()
                for row in connection.execute(f'SELECT * FROM "{name}"')  # noqa: S608
                for value in row
            )
            for name in names
        }


@asynccontextmanager
async def _debugging(stack: RunningStack) -> AsyncIterator[None]:
    """Daemon and gateway log at level debug inside the block."""
    for name, file in (("capyd", "capyd.toml"), ("capyd_http", "capyd-http.toml")):
        await _relog(stack, name, stack.state / file, "info", "debug")
    yield
    for name, file in (("capyd", "capyd.toml"), ("capyd_http", "capyd-http.toml")):
        await _relog(stack, name, stack.state / file, "debug", "info")


async def _relog(stack: RunningStack, name: str, file: Path, before: str, after: str) -> None:
    text = file.read_text()
    assert f'level = "{before}"' in text
    file.write_text(text.replace(f'level = "{before}"', f'level = "{after}"'))
    log = stack.state / "logs" / f"{name}.log"
    times = log.read_text().count("configuration.reloaded")
    os.kill(int(stack.ready["pids"][name]), signal.SIGHUP)

    async def reloads() -> int:
        return log.read_text().count("configuration.reloaded")

    await until(reloads, lambda number: number > times)


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
    await stack.rest.with_token(_SESSION).refused(401, "GET", "/v1/me")
    # A creation that is repeated is kept: not with what it showed.
    repeated = {"Idempotency-Key": f"secrets-{project['id']}", "Authorization": f"Bearer {stack.rest.token}"}
    body = {"name": "once", "scopes": ["*"]}
    once = (await stack.rest.send("POST", stack.keys_path, body, headers=repeated)).json
    assert (await stack.rest.send("POST", stack.keys_path, body, headers=repeated)).json["code"] == "already_shown"
    old = {parts(url)["password"] for url in await projects.urls(stack.rest, project["id"])}
    job = (await stack.rest.expect(202, "POST", f"/v1/projects/{project['id']}/credentials/rotate"))["job"]
    assert (await projects.final(stack.rest, job["id"]))["state"] == "completed"
    job = (await stack.rest.expect(202, "POST", f"/v1/projects/{project['id']}/extensions/ltree/update"))["job"]
    assert (await projects.final(stack.rest, job["id"]))["state"] == "failed"
    shown = {token: "a key that was shown" for token in SHOWN if token.startswith("capy_live_") and len(token) == 48}
    return {
        **shown,
        **dict.fromkeys(old, "a password that was"),
        key.token: "a key",
        once["plaintext_api_key"]: "a key that was repeated",
        _SESSION: "a session",
        _SESSION.split(".")[1]: "a session's claims",
    }


async def _secrets(stack: RunningStack) -> dict[str, str]:
    """What each secret is, by its text."""
    secrets = {
        stack.rest.token: "the organization's key",
        (stack.state / "secret.key").read_text().strip(): "the sealing key",
        Path(stack.settings["pooler"]["console_password_file"]).read_text().strip(): "the console's password",
    }
    for project in await projects.list_projects(stack.rest):
        for url in await projects.urls(stack.rest, project["id"]):
            secrets[parts(url)["password"]] = f"the password of {project['id']}"
    # Those of spares too, which no role has yet.
    for name, verifier in await stack.administer("SELECT database_name, verifier FROM capyd.tenants"):
        stored, server = verifier.rpartition("$")[2].split(":")
        secrets |= {stored: f"the stored key of {name}", server: f"the server key of {name}"}
    return secrets
