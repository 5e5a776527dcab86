"""Everything that is done before the first program starts."""

import os
import resource
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path

from capyd.dev.certificates import ensure_certificates
from capyd.dev.cluster import cluster_major, ensure_cluster, write_configuration
from capyd.dev.errors import StackError
from capyd.dev.layout import Layout
from capyd.dev.leftovers import end_leftovers
from capyd.dev.lock import FileLock, HeldError
from capyd.dev.memory import Memory, read_memory, write_memory
from capyd.dev.open_layout import open_layout, open_state_directory
from capyd.dev.options import Options
from capyd.dev.pooler import ensure_pooler_files, forget_pooler_files, inspect_pooler
from capyd.dev.ports import Ports
from capyd.dev.programs import stack_programs
from capyd.dev.progress import Progress
from capyd.dev.secrets_files import ensure_secrets
from capyd.dev.servers_directory import abandoned_directories, remove_servers_directory
from capyd.dev.settings_files import render_daemon_settings, render_gateway_settings
from capyd.dev.tls import Tls
from capyd.host.child import Program
from capyd.host.postgres_install import PostgresInstall, find_postgres
from capyd.host.programs import find_pgbouncer
from capyd.host.records import ChildRecords
from capyd.host.users import current_user, server_user
from capyd.runtime.atomic_file import write_atomically

# PgBouncer alone takes 5000 clients; the usual soft limit is 1024.
_OPEN_FILES = 65_536


@dataclass(frozen=True, slots=True)
class Prepared:
    """A stack that is ready to be started."""

    layout: Layout
    memory: Memory
    install: PostgresInstall
    programs: list[Program]
    """In the order of their start."""
    records: ChildRecords
    tls: Tls


@asynccontextmanager
async def prepared_stack(options: Options, progress: Progress) -> AsyncIterator[Prepared]:
    """Make ready, and hold the state directory and the ports until the end.

    Raises:
        StackError: something is in the way; the text says what to do.
        HostError: the machine lacks something.
    """
    pooler = await inspect_pooler(find_pgbouncer(options.pgbouncer))
    owner, servers_as = current_user(), server_user()
    state = open_state_directory(options.state_dir, owner)
    with ExitStack() as held:
        held.callback(_lock(state).close)
        _remove_ready_file(options.ready_file)
        await _remove_abandoned(progress)
        layout = held.enter_context(open_layout(state, owner, servers_as))
        held.callback(_lock(layout.servers).close)
        for name in await end_leftovers(layout.servers):
            progress.say(f"ended {name}, which an earlier run had left behind")
        install = await find_postgres(
            wanted=options.postgres_bin, major=cluster_major(layout), user=servers_as, copies=layout.servers
        )
        if cluster_major(layout) is None and layout.state_file.exists():
            raise StackError(
                f"the PostgreSQL cluster of {state} is gone, and its projects with it: "
                f"remove {state} to begin anew, or give another --state-dir"
            )
        ports = Ports()
        held.callback(ports.release)
        memory = _choose_ports(layout, ports, options, progress)
        ensure_secrets(layout)
        tls = Tls(direct=options.tls and install.has_tls, pooled=options.tls and pooler.has_tls)
        if tls.anywhere:
            ensure_certificates(layout.certificates, server_user=servers_as)
        _write_settings(layout, memory, install, pooler.path, tls)
        await ensure_pooler_files(layout, pooler)
        records = ChildRecords(layout.records)
        if cluster_major(layout) is None:
            with progress.step(f"initialise a PostgreSQL {install.version} cluster"):
                await ensure_cluster(layout, install, records)
        write_configuration(layout, memory, install, tls=tls.direct)
        _raise_open_files()
        _begin_logs(layout)
        yield Prepared(layout, memory, install, stack_programs(layout, install, pooler.path), records, tls)


def _lock(directory: Path) -> FileLock:
    try:
        return FileLock.acquire(directory / "lock")
    except HeldError as error:
        raise StackError(
            f"another `capyd dev` (process {error.pid}) runs on {directory}: stop it first, or give another --state-dir"
        ) from error


def _remove_ready_file(path: Path | None) -> None:
    if path is None:
        return
    if not path.absolute().parent.is_dir():
        raise StackError(f"the ready file {path} cannot be written: its directory is not there")
    path.unlink(missing_ok=True)


async def _remove_abandoned(progress: Progress) -> None:
    """Remove the servers' directories of stacks whose state directory is gone, and end what runs from them."""
    if os.geteuid() != 0:
        return
    for directory in abandoned_directories():
        try:
            lock = FileLock.acquire(directory / "lock")
        except HeldError:
            continue
        with closing(lock):
            # Its state directory may have been moved, and started on, in the meantime.
            if directory in abandoned_directories():
                await end_leftovers(directory)
                remove_servers_directory(directory)
                progress.say(f"removed {directory}, whose state directory is gone")


def _choose_ports(layout: Layout, ports: Ports, options: Options, progress: Progress) -> Memory:
    memory = read_memory(layout.memory)
    chosen = ports.choose(given=options.ports, remembered=memory.ports)
    for listener, port in memory.ports.items():
        if listener not in options.ports and chosen[listener] != port:
            progress.say(f"port {port} of last time is taken; {listener} moves to {chosen[listener]}")
    memory = replace(memory, ports=chosen)
    write_memory(layout.memory, memory)
    return memory


def _write_settings(layout: Layout, memory: Memory, install: PostgresInstall, pgbouncer: Path, tls: Tls) -> None:
    text = render_daemon_settings(layout, memory, install, pgbouncer, tls)
    if not layout.daemon_settings.exists() or layout.daemon_settings.read_bytes() != text:
        # In this order: a start that is killed between the two does both again.
        forget_pooler_files(layout)
        write_atomically(layout.daemon_settings, text, new_mode=0o600)
    write_atomically(layout.gateway_settings, render_gateway_settings(layout, memory), new_mode=0o600)


def _begin_logs(layout: Layout) -> None:
    """A log a run; the one before is kept."""
    for log in layout.logs.glob("*.log"):
        log.replace(log.with_suffix(".log.1"))


def _raise_open_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
