"""What a change costs the pooler, by how many entries it has."""

import asyncio
import os
import secrets
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.benchmark import Benchmark, BenchmarkError, Report, Row, Terms
from benchmarks.disks import describe_disk
from benchmarks.versions import measured_versions
from capyd.config.settings import PoolerSettings, PostgresSettings
from capyd.domain.failures import UnreachableError
from capyd.domain.tenants import PoolerEntry, PoolerLogin, new_tenant_names
from capyd.host.programs import find_pgbouncer
from capyd.host.users import run_as, server_user
from capyd.pgbouncer.console import open_console
from capyd.pgbouncer.files import read_console_password
from capyd.pgbouncer.pooler import Pooler
from capyd.pgbouncer.version import parse_version
from capyd.postgres.scram import new_password, scram_verifier

_SIZES = (10, 1000, 5000)
_START_SECONDS = 10


async def run(terms: Terms) -> Report:
    """Measure a PgBouncer of its own; no PostgreSQL is behind it, as nothing here asks for one."""
    verifier = scram_verifier(new_password())
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="capyd-bench-", dir="/var/tmp") as directory:
        async with _running(Path(directory)) as (pooler, reload):
            for size in _SIZES:
                terms.tell(f"{size} entries")
                names = [new_tenant_names().database for _ in range(size)]
                entries = [PoolerEntry(name, (PoolerLogin(name, verifier),), pool_size=10) for name in names]
                await pooler.apply(entries)
                changes = [replace(entries[0], pool_size=11 + number % 2) for number in range(terms.rounds)]
                applied = [await _timed(pooler.apply([change, *entries[1:]])) for change in changes]
                reloaded = [await _timed(reload()) for _ in range(terms.rounds)]
                rows += [
                    Row(f"RELOAD, {size:,} entries", "the console's command, to its answer", reloaded),
                    Row(
                        f"a change, {size:,} entries",
                        "rendering the four files, writing what differs with fsync, RELOAD, and reading back and "
                        "comparing databases, users and parameters",
                        applied,
                    ),
                ]
        return Report(
            rows=rows,
            reference=rows[0].name,
            disk=describe_disk(Path(directory)),
            versions={
                name: it for name, it in measured_versions("").items() if name in ("capyd", "PgBouncer", "Python")
            },
            notes=("An entry is a line of databases.ini, two HBA lines and a SCRAM verifier.",),
        )


async def _timed(work: Awaitable[None]) -> float:
    started = time.perf_counter()
    await work
    return (time.perf_counter() - started) * 1000


@asynccontextmanager
async def _running(directory: Path) -> AsyncIterator[tuple[Pooler, Callable[[], Awaitable[None]]]]:
    settings = _settings(directory)
    told = subprocess.run([settings.binary, "--version"], capture_output=True, text=True, check=True).stdout  # noqa: ASYNC221
    pooler = Pooler(settings, PostgresSettings(socket_dir=directory))
    await pooler.write_initial_files(parse_version(told))

    async def reload() -> None:
        async with open_console(settings, read_console_password(settings.console_password_file)) as console:
            await console.reload()

    # Not by the event loop: uvloop does not run programs as another user.
    process = subprocess.Popen(  # noqa: ASYNC220
        [settings.binary, directory / "pgbouncer.ini"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **run_as(server_user()),
    )
    try:
        await _until_answering(reload)
        yield pooler, reload
    finally:
        process.send_signal(signal.SIGINT)
        await asyncio.to_thread(process.wait)


def _settings(directory: Path) -> PoolerSettings:
    """Those of a pooler that listens on its Unix socket alone, in a directory that its user can use."""
    user = server_user()
    os.chown(directory, user.uid, user.gid)
    directory.chmod(0o755)
    password = directory / "console.password"
    password.write_text(secrets.token_urlsafe())
    return PoolerSettings(
        config_dir=directory,
        socket_dir=directory,
        listen_address="",
        binary=find_pgbouncer(),
        console_password_file=password,
    )


async def _until_answering(ask: Callable[[], Awaitable[None]]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            return await ask()
        except UnreachableError as error:
            if time.monotonic() > deadline:
                raise BenchmarkError(f"PgBouncer did not start: {error.detail}") from None
            await asyncio.sleep(0.02)


BENCHMARK = Benchmark("pooler", "a change that the pooler is told, by how many entries it has", run)
