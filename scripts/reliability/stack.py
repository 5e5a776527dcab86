"""A `capyd dev` whose programs are killed, and what is known of it from outside."""

import asyncio
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import tomllib
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from capyd.dev.servers_directory import remove_servers_directory
from capyd.host.processes import ProcessIdentity
from capyd.host.records import ChildRecords
from reliability.schedule import Manner

_READY_SECONDS = 120.0
_RESTART_SECONDS = 120.0
_STOP_SECONDS = 120.0
_POLL_SECONDS = 0.02


class StackFailedError(Exception):
    """The stack did not come up, or not again: its text says where the logs are."""


class Stack:
    """One stack in a directory of its own."""

    def __init__(self, directory: Path, *, postgres_bin: str | None) -> None:
        self.directory = directory
        self.state = directory / "state"
        self._ready_file = directory / "ready.json"
        argv = [sys.executable, "-m", "reliability.dev", "--state-dir", str(self.state)]
        argv += ["--ready-file", str(self._ready_file)]
        if postgres_bin is not None:
            argv += ["--postgres-bin", postgres_bin]
        with (directory / "dev.log").open("wb") as log:
            # A session of its own: Ctrl-C is for this program, which then stops the stack in order.
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    @classmethod
    async def start(cls, *, postgres_bin: str | None) -> "Stack":
        """Start one, and wait until all of it answers.

        Raises:
            StackFailedError: it did not come up.
        """
        stack = cls(Path(tempfile.mkdtemp(prefix="capyd-chaos-", dir="/var/tmp")), postgres_bin=postgres_bin)
        try:
            async with asyncio.timeout(_READY_SECONDS):
                while not stack._ready_file.exists():
                    stack._require_alive()
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            raise StackFailedError(f"the stack did not come up: {stack.directory}/dev.log") from None
        return stack

    @property
    def ready(self) -> dict[str, Any]:
        """The addresses and the key; they stay the same however often its programs are started again."""
        ready: dict[str, Any] = json.loads(self._ready_file.read_text())
        return ready

    async def kill(self, manner: Manner) -> None:
        """End a program as soon as it runs (again).

        Raises:
            StackFailedError: it was not started again.
        """
        process = await self._running(manner.program)
        process.send(manner.signal)

    async def until_all_run(self, programs: set[str]) -> None:
        """Return when each of the programs runs.

        Raises:
            StackFailedError: one was not started again.
        """
        for program in programs:
            await self._running(program)

    def query_state(self, query: str) -> list[tuple[Any, ...]]:
        """All rows of a query on the daemon's state file."""
        with closing(sqlite3.connect(f"file:{self.state}/capyd.sqlite?mode=ro", uri=True)) as connection:
            return connection.execute(query).fetchall()

    def query_cluster(self, query: str, *, database: str = "capyd") -> list[tuple[Any, ...]]:
        """All rows of a query as the cluster's administrator."""
        postgres = tomllib.loads((self.state / "capyd.toml").read_text())["postgres"]
        with psycopg.connect(
            host=postgres["socket_dir"], port=postgres["port"], user="capyd", dbname=database, autocommit=True
        ) as connection:
            return connection.execute(query.encode()).fetchall()

    @property
    def pooler_entries(self) -> dict[str, str]:
        """The databases in the pooler's configuration, with the rest of their lines."""
        lines = (self.state / "servers" / "pooler" / "databases.ini").read_text().splitlines()
        return {name: rest for name, found, rest in (line.partition(" = ") for line in lines) if found}

    @property
    def data(self) -> Path:
        """The cluster's data directory."""
        return self.state / "servers" / "data"

    def stop(self) -> int:
        """Ask it to stop, and return its exit status."""
        self._process.terminate()
        try:
            return self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def remove(self) -> None:
        """Remove all that it kept. It must be stopped."""
        servers = self.state / "servers"
        if servers.is_symlink():
            remove_servers_directory(servers.readlink())
        shutil.rmtree(self.directory)

    async def _running(self, program: str) -> ProcessIdentity:
        try:
            async with asyncio.timeout(_RESTART_SECONDS):
                while not (found := self._find(program)):
                    self._require_alive()
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            raise StackFailedError(f"{program} was not started again: {self.directory}/dev.log") from None
        return found[0]

    def _find(self, program: str) -> list[ProcessIdentity]:
        return ChildRecords(self.state / "servers" / "children.json").find_running(program)

    def _require_alive(self) -> None:
        if self._process.poll() is not None:
            raise StackFailedError(
                f"the stack has ended by itself, with status {self._process.returncode}: {self.directory}/dev.log"
            )
