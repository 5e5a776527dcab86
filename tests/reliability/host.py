"""A host with everything real on it: a cluster, a pooler, and the daemon as a process that may die at any moment."""

import base64
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psycopg
from psycopg import sql

from capyd.config.settings import PoolerSettings
from capyd.pgbouncer.pooler import Pooler
from tests.reliability.client import open_client
from tests.reliability.daemon import Armed, Daemon
from tests.servers import Cluster, PoolerProcess, pooler_settings, pooler_version, start_pooler


@dataclass(frozen=True)
class Host:
    """The servers, and the files of the daemon on them."""

    cluster: Cluster
    pooler: PoolerSettings
    pooler_process: PoolerProcess
    directory: Path

    @property
    def state(self) -> Path:
        """The daemon's state file."""
        return self.directory / "capyd.sqlite"

    @asynccontextmanager
    async def daemon(
        self,
        armed: Armed | None = None,
        *,
        spares: int = 0,
        event: str = '"cluster.ready"',
        may_die: bool = False,
        log_name: str = "daemon.log",
        sections: Mapping[str, Mapping[str, object]] = MappingProxyType({}),
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> AsyncIterator[Daemon]:
        """A daemon that has come up, or said `event` (or died, if it is armed or may), killed at the end.

        `sections` are more of its configuration.
        """
        log = self.directory / log_name
        self.write_settings(spares, sections)
        environment = os.environ | dict(environment) | (armed or Armed()).environment
        argv = [sys.executable, "-m", "capyd", "daemon", "--config", self.directory / "capyd.toml"]
        with log.open("wb") as output:
            process = subprocess.Popen(argv, stdout=output, stderr=output, env=environment)  # noqa: ASYNC220
        try:
            async with open_client(self.directory / "admin.sock") as client:
                daemon = Daemon(process, log, client)
                await daemon.until_said(event)
                assert armed or may_die or not daemon.has_died, daemon.said
                yield daemon
        finally:
            process.kill()
            process.wait()

    @contextmanager
    def frozen_pooler(self) -> Iterator[None]:
        """The pooler keeps its sockets and does nothing inside the block."""
        self.pooler_process.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.pooler_process.process.send_signal(signal.SIGCONT)

    def connect(self, database: str = "capyd") -> psycopg.Connection[Any]:
        """As the cluster's administrator."""
        return self.cluster.connect(database)

    def forget_everything(self) -> None:
        """Make the host as it was before the first daemon: no ledger, no tenants, no state."""
        for path in self.directory.glob("capyd.sqlite*"):
            path.unlink()
        with self.connect("postgres") as connection:
            # The server goes on with what a killed daemon asked for last, and a database may yet come of it.
            connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
            databases = connection.execute(
                r"SELECT datname FROM pg_database WHERE datname = 'capyd' OR datname LIKE 'capy\_%'"
            ).fetchall()
            for (name,) in databases:
                connection.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE false").format(sql.Identifier(name)))
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            roles = connection.execute(
                r"SELECT rolname FROM pg_roles WHERE rolname LIKE 'capy\_%' OR rolname = 'capyd_platform'"
            ).fetchall()
            for (name,) in roles:
                connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))

    def write_settings(self, spares: int, sections: Mapping[str, Mapping[str, object]]) -> None:
        """Write the daemon's configuration."""
        postgres, pooler = self.cluster.settings, self.pooler
        tables: dict[str, dict[str, object]] = {
            "cluster": {
                "id": "cls_test",
                "direct_port": postgres.port,
                "pooled_port": pooler.port,
                "direct_ssl_mode": "disable",
                "pooled_ssl_mode": "disable",
            },
            "state": {"path": str(self.state), "secret_key_file": str(self.directory / "secret.key")},
            "postgres": {"socket_dir": str(postgres.socket_dir), "port": postgres.port},
            "pooler": {
                "config_dir": str(pooler.config_dir),
                "socket_dir": str(pooler.socket_dir),
                "port": pooler.port,
                "os_user": pooler.os_user,
                "binary": str(pooler.binary),
                "console_password_file": str(pooler.console_password_file),
            },
            "listen": {
                "admin_socket": str(self.directory / "admin.sock"),
                "api_socket": str(self.directory / "api.sock"),
            },
            "spares": {"target": spares, "most": spares},
        }
        if postgres.ident_file is not None:
            tables["postgres"]["ident_file"] = str(postgres.ident_file)
        lines = []
        for name, table in (tables | dict(sections)).items():
            lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
        (self.directory / "capyd.toml").write_text("\n".join([*lines, ""]))


@asynccontextmanager
async def running_host(cluster: Cluster) -> AsyncIterator[Host]:
    """A pooler in front of `cluster`, and room for a daemon; gone at the end, the daemon's tenants with them."""
    directory = Path(tempfile.mkdtemp(prefix="capyd-r-", dir="/tmp"))
    key = directory / "secret.key"
    key.touch(mode=0o600)
    key.write_bytes(base64.b64encode(secrets.token_bytes(32)) + b"\n")
    with pooler_settings(cluster) as settings:
        await Pooler(settings, cluster.settings).write_initial_files(pooler_version(settings.binary))
        process = start_pooler(settings)
        host = Host(cluster, settings, process, directory)
        try:
            yield host
        finally:
            process.stop()
            host.forget_everything()
            shutil.rmtree(directory)
