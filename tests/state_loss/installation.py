"""A running installation with projects and keys in it, whose state is going to be lost."""

import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from capyd.client.channel import open_channel
from capyd.v1 import organizations_pb2 as pb
from capyd.v1.organizations_pb2_grpc import OrganizationServiceStub
from tests.reliability.client import ORGANIZATION, Accepted, Client
from tests.reliability.host import Host
from tests.stack.polling import until


@dataclass(frozen=True)
class Command:
    """A command that has ended."""

    status: int
    said: str
    """Its standard error."""
    printed: str

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.printed)
        return found


def run(host: Host, *arguments: str | Path, failpoints: str = "") -> Command:
    """Run `capyd` with the daemon's configuration; first the command, such as `secrets rotate-key`."""
    name, *others = arguments
    argv = [
        sys.executable,
        "-m",
        "capyd",
        *str(name).split(),
        "--config",
        str(host.directory / "capyd.toml"),
        *map(str, others),
    ]
    environment = os.environ | ({"CAPYD_FAILPOINTS": failpoints} if failpoints else {})
    done = subprocess.run(argv, capture_output=True, text=True, env=environment, timeout=60, check=False)
    return Command(done.returncode, done.stderr, done.stdout)


async def create_projects(client: Client, number: int) -> list[Accepted]:
    """Projects that are ready."""
    await client.create_organization()
    created = [await client.create(f"project {each}") for each in range(number)]
    for each in created:
        await until_completed(client, each.job_id)
    return created


async def until_completed(client: Client, job_id: str) -> None:
    """Return when the job is over, and well."""

    async def state() -> str:
        return (await client.get_job(job_id)).state

    assert await until(state, lambda found: found in ("completed", "failed")) == "completed"


async def create_key(host: Host, name: str, *, project_id: str | None = None) -> tuple[str, str]:
    """An API key's id, and its text."""
    async with open_channel(f"unix:{host.directory / 'admin.sock'}") as channel:
        created = await OrganizationServiceStub(channel).CreateApiKey(
            pb.CreateApiKeyRequest(
                organization_id=ORGANIZATION, name=name, scopes=["projects:read", "jobs:read"], project_id=project_id
            )
        )
    return created.api_key.id, created.plaintext_api_key


async def revoke_key(host: Host, api_key_id: str) -> None:
    async with open_channel(f"unix:{host.directory / 'admin.sock'}") as channel:
        await OrganizationServiceStub(channel).RevokeApiKey(
            pb.RevokeApiKeyRequest(organization_id=ORGANIZATION, api_key_id=api_key_id)
        )


async def who_is(host: Host, token: str) -> pb.Principal:
    """Whom the token stands for."""
    async with open_channel(f"unix:{host.directory / 'api.sock'}") as channel:
        answer = await OrganizationServiceStub(channel).GetMe(
            pb.GetMeRequest(), metadata=[("authorization", f"Bearer {token}")]
        )
    return answer.principal


async def until_carried(host: Host) -> None:
    """Return when the ledger has all that the state file has."""

    async def waiting() -> int:
        with sqlite3.connect(host.state) as connection:
            return int(connection.execute("SELECT count(*) FROM outbox").fetchone()[0])

    await until(waiting, lambda number: number == 0, seconds=10)


def stream(host: Host) -> str:
    """Which stream of events this is; a stopped daemon's is its file's."""
    with sqlite3.connect(host.state) as connection:
        return str(connection.execute("SELECT value FROM facts WHERE name = 'stream_id'").fetchone()[0])


async def log_in(url: str) -> str:
    """The database that the URL leads to."""
    async with await psycopg.AsyncConnection.connect(url, connect_timeout=10, prepare_threshold=None) as connection:
        row = await (await connection.execute("SELECT current_database()")).fetchone()
    assert row is not None
    return str(row[0])


def lose(host: Host) -> None:
    """Delete the state file, and what SQLite keeps beside it."""
    for path in host.directory.glob("capyd.sqlite*"):
        if not path.name.endswith(".lock"):
            path.unlink()
