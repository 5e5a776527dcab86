"""A running stack as its clients and its administrator see it."""

import json
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import psycopg

from capyd.client.channel import open_channel
from capyd.v1 import organizations_pb2, organizations_pb2_grpc
from tests.dev.stacks import Stack
from tests.stack.polling import until
from tests.stack.rest import Rest


class RunningStack:
    """One `capyd dev`, with a client for each of its doors."""

    def __init__(
        self, process: Stack, ready: dict[str, Any], rest: Rest, api: grpc.aio.Channel, admin: grpc.aio.Channel
    ) -> None:
        self.process = process
        self.ready = ready
        self.rest = rest
        self.api = api
        """gRPC with the organization's key."""
        self.admin = admin
        """gRPC as the platform administrator."""

    @property
    def organization_id(self) -> str:
        return str(self.ready["organization_id"])

    @property
    def keys_path(self) -> str:
        """Where the organization's keys are, on the REST face."""
        return f"/v1/organizations/{self.organization_id}/api-keys"

    @property
    def major(self) -> str:
        return str(self.ready["postgres_version"]).partition(".")[0]

    @property
    def state(self) -> Path:
        """The state directory."""
        return self.process.state

    @property
    def settings(self) -> dict[str, Any]:
        """The daemon's configuration file."""
        return tomllib.loads((self.state / "capyd.toml").read_text())

    async def administer(self, query: str, *parameters: object, database: str = "capyd") -> list[tuple[Any, ...]]:
        """All rows of a statement as the cluster's administrator, over the Unix socket; of one without any, none."""
        postgres = self.settings["postgres"]
        async with await psycopg.AsyncConnection.connect(
            host=postgres["socket_dir"], port=postgres["port"], user="capyd", dbname=database, autocommit=True
        ) as connection:
            cursor = await connection.execute(query, parameters or None)
            result = cursor.pgresult
            if result is None or result.status != psycopg.pq.ExecStatus.TUPLES_OK:
                return []
            return list(await cursor.fetchall())

    async def spares(self) -> list[str]:
        """The names of the spares, once there are as many as are to be kept and nothing is being built or dropped."""

        async def by_state() -> list[tuple[str, str]]:
            return await self.administer("SELECT state, database_name FROM capyd.tenants WHERE state <> 'claimed'")

        async def look() -> tuple[int | None, list[tuple[str, str]]]:
            return (await self.spare_status()).get("target"), await by_state()

        def is_settled(seen: tuple[int | None, list[tuple[str, str]]]) -> bool:
            target, tenants = seen
            return target is not None and len(tenants) >= target and all(state == "spare" for state, _ in tenants)

        _, settled = await until(look, is_settled)
        return [name for _, name in settled]

    async def spare_status(self) -> dict[str, int]:
        """What the service says of its spares; nothing while PostgreSQL does not answer."""
        spares: dict[str, int] = (await self.rest.expect(200, "GET", "/status"))["cluster"].get("spares", {})
        return spares

    async def new_organization(self, name: str) -> "OtherOrganization":
        """Another organization, with a key that may do everything in it."""
        service = organizations_pb2_grpc.OrganizationServiceStub(self.admin)
        created = await service.CreateOrganization(organizations_pb2.CreateOrganizationRequest(name=name))
        key = await service.CreateApiKey(
            organizations_pb2.CreateApiKeyRequest(
                organization_id=created.organization.id, name="everything", scopes=["*"]
            )
        )
        return OtherOrganization(created.organization.id, self.rest.with_token(key.plaintext_api_key))

    async def key(self, *scopes: str, **fields: object) -> Rest:
        """A client with a new key of the stack's own organization."""
        body = {"name": "of a test", "scopes": list(scopes), **fields}
        created = await self.rest.expect(201, "POST", self.keys_path, body)
        return self.rest.with_token(created["plaintext_api_key"])


class OtherOrganization:
    """An organization beside the stack's own."""

    def __init__(self, organization_id: str, rest: Rest) -> None:
        self.organization_id = organization_id
        self.rest = rest


@asynccontextmanager
async def connected(process: Stack) -> AsyncIterator[RunningStack]:
    """Clients for a stack that is ready."""
    ready = json.loads(process.ready_file.read_text())
    async with (
        open_channel(ready["grpc_target"], token=ready["api_key"]) as api,
        open_channel(ready["admin_target"]) as admin,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session,
    ):
        yield RunningStack(process, ready, Rest(session, ready["http_url"], ready["api_key"]), api, admin)
