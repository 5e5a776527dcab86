"""A daemon whose PostgreSQL is away: what stands at its door does not need one."""

import base64
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from capyd.client.channel import open_channel
from capyd.v1 import organizations_pb2, organizations_pb2_grpc
from tests.issuers import server
from tests.stack.polling import until


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Door:
    """One daemon, in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def api_target(self) -> str:
        return f"unix:{self.directory}/api.sock"

    @property
    def admin_target(self) -> str:
        return f"unix:{self.directory}/admin.sock"

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text()

    async def start(self, settings: str) -> None:
        """With these settings beside those that it must have."""
        d = self.directory
        (d / "secret.key").write_bytes(base64.b64encode(os.urandom(32)))
        (d / "secret.key").chmod(0o600)
        (d / "console").write_text("console")
        (d / "capyd.toml").write_text(
            f"""
            cluster.id = "cls_door"
            state.path = "{d}/state/capyd.sqlite"
            state.secret_key_file = "{d}/secret.key"
            postgres.socket_dir = "{d}/nowhere"
            pooler.config_dir = "{d}/pooler"
            pooler.console_password_file = "{d}/console"
            listen.admin_socket = "{d}/admin.sock"
            listen.api_socket = "{d}/api.sock"
            logs.level = "debug"
            {settings}
            """
        )
        with (d / "log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220  (starts at once)
                [sys.executable, "-m", "capyd", "daemon", "--config", str(d / "capyd.toml")], stderr=log, stdout=log
            )
        await until(self._is_started)

    async def _is_started(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log
        return "daemon.started" in self.log

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)

    @asynccontextmanager
    async def administrator(self) -> AsyncIterator[grpc.aio.Channel]:
        async with open_channel(self.admin_target) as channel:
            yield channel

    async def create_organization(self, organization_id: str) -> None:
        async with self.administrator() as channel:
            stub = organizations_pb2_grpc.OrganizationServiceStub(channel)
            await stub.CreateOrganization(
                organizations_pb2.CreateOrganizationRequest(name=organization_id, organization_id=organization_id)
            )


@pytest.fixture(scope="module")
def make_door() -> Iterator[Callable[[], Door]]:
    """Daemons that are gone when the module is done."""
    doors = []

    def make() -> Door:
        doors.append(Door(Path(tempfile.mkdtemp(prefix="capyd-"))))
        return doors[-1]

    yield make
    for door in doors:
        door.stop()
        shutil.rmtree(door.directory)


@pytest.fixture(scope="module")
async def issuer() -> AsyncIterator[server.Issuer]:
    async with server.running_issuer() as running:
        yield running
