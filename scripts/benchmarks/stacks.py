"""A whole stack in a directory of its own, and the ways into it that a benchmark needs."""

import asyncio
import json
import shutil
import sys
import tempfile
import tomllib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import psycopg

from benchmarks.benchmark import BenchmarkError
from benchmarks.children import running
from capyd.dev.servers_directory import remove_servers_directory

# Kept on a disk: /tmp may be memory, where a sync costs nothing.
_SCRATCH = Path("/var/tmp")
_READY_SECONDS = 90
_SETTLE_SECONDS = 60
_REQUEST_SECONDS = 30

WITH_SPARES = ("capyd", "dev")
WITHOUT_SPARES = ("benchmarks.without_spares",)


class Stack:
    """A stack that is up."""

    def __init__(
        self, state: Path, ready: dict[str, Any], rest: aiohttp.ClientSession, ledger: psycopg.AsyncConnection
    ) -> None:
        self.state = state
        self.rest = rest
        """HTTP to the gateway, with the organization's key."""
        self.grpc_target: str = ready["grpc_target"]
        self.api_key: str = ready["api_key"]
        self.postgres_version: str = ready["postgres_version"]
        self._ledger = ledger

    @property
    def servers(self) -> Path:
        """Where the cluster lies."""
        return (self.state / "servers").resolve()

    @property
    def administrator(self) -> dict[str, str]:
        """How to log in to the cluster as its administrator: libpq's environment."""
        return _administrator(self.state)

    async def connect(self, database: str) -> psycopg.AsyncConnection:
        """Log in to `database` as the administrator, in autocommit mode. The caller closes it."""
        return await _connect(self.administrator, database)

    async def programs(self) -> Path:
        """The directory of the cluster's own client programs."""
        cursor = await self._ledger.execute("SELECT setting FROM pg_catalog.pg_config() WHERE name = 'BINDIR'")
        ((directory,),) = await cursor.fetchall()
        return Path(directory)

    async def settle(self) -> None:
        """Wait until every spare is there, known to the pooler, and nothing is being built.

        Raises:
            BenchmarkError: it did not come to that.
        """
        try:
            async with asyncio.timeout(_SETTLE_SECONDS):
                while not await self._is_settled():  # noqa: ASYNC110  (the daemon announces no spares)
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise BenchmarkError(f"the spares were not there within {_SETTLE_SECONDS} s") from None

    async def _is_settled(self) -> bool:
        async with self.rest.get("/status") as response:
            spares = (await response.json())["cluster"]["spares"]
        cursor = await self._ledger.execute("SELECT FROM capyd.tenants WHERE state = 'spare' AND NOT pooled LIMIT 1")
        return spares["ready"] >= spares["target"] and not spares["building"] and not cursor.rowcount


@asynccontextmanager
async def running_stack(program: tuple[str, ...], *, postgres_bin: str | None) -> AsyncIterator[Stack]:
    """Start a stack by one of the programs above, and remove all of it at the end.

    Raises:
        BenchmarkError: it did not start.
    """
    with _scratch_directory() as directory:
        state, ready_file = directory / "state", directory / "ready.json"
        argv = [sys.executable, "-m", *program, "--state-dir", str(state), "--ready-file", str(ready_file)]
        if postgres_bin is not None:
            argv += ["--postgres-bin", postgres_bin]
        async with running(argv, log=directory / "stack.log") as child:
            ready = json.loads(await child.until_written(ready_file, seconds=_READY_SECONDS))
            async with (
                aiohttp.ClientSession(
                    ready["http_url"],
                    headers={"Authorization": f"Bearer {ready['api_key']}"},
                    timeout=aiohttp.ClientTimeout(total=_REQUEST_SECONDS),
                ) as rest,
                await _connect(_administrator(state), "capyd") as ledger,
            ):
                yield Stack(state, ready, rest, ledger)


def _administrator(state: Path) -> dict[str, str]:
    postgres = tomllib.loads((state / "capyd.toml").read_text())["postgres"]
    return {"PGHOST": postgres["socket_dir"], "PGPORT": str(postgres["port"]), "PGUSER": "capyd"}


async def _connect(login: dict[str, str], database: str) -> psycopg.AsyncConnection:
    return await psycopg.AsyncConnection.connect(
        host=login["PGHOST"], port=login["PGPORT"], user=login["PGUSER"], dbname=database, autocommit=True
    )


@contextmanager
def _scratch_directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="capyd-bench-", dir=_SCRATCH))
    try:
        yield directory
    finally:
        # Root's servers keep their files outside the state directory.
        servers = directory / "state" / "servers"
        if servers.is_symlink():
            remove_servers_directory(servers.readlink())
        shutil.rmtree(directory)
