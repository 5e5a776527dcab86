"""The stack's PostgreSQL cluster: initialised once, configured at every start."""

import os
import shutil

from capyd.dev.errors import StackError
from capyd.dev.layout import Layout
from capyd.dev.memory import Memory
from capyd.dev.ports import HOST
from capyd.host.command import run_command
from capyd.host.errors import CommandError
from capyd.host.postgres_install import PostgresInstall
from capyd.host.records import ChildRecords
from capyd.postgres.access import render_hba, render_ident
from capyd.runtime.atomic_file import write_atomically

ADMIN_ROLE = "capyd"
INITDB = "initdb"
"""Its name in the records of what was spawned."""
MAX_CONNECTIONS = 200

_INITDB_SECONDS = 120
_STATISTICS = "pg_stat_statements"


def cluster_major(layout: Layout) -> int | None:
    """The major version that made the cluster, or None before there is one."""
    version = layout.data / "PG_VERSION"
    return int(version.read_text()) if version.exists() else None


async def ensure_cluster(layout: Layout, install: PostgresInstall, records: ChildRecords) -> None:
    """Initialise the cluster, unless it is there.

    The data directory gets its name when initdb is done with it: what an interrupted one left has another name,
    and is removed here.

    Raises:
        StackError: initdb failed.
    """
    unfinished = layout.servers / "data-unfinished"
    if unfinished.exists():
        shutil.rmtree(unfinished)
    if layout.data.exists():
        return
    user = layout.server_user
    unfinished.mkdir(mode=0o700)
    os.chown(unfinished, user.uid, user.gid)
    argv = [
        str(install.directory / "initdb"),
        f"--pgdata={unfinished}",
        f"--username={ADMIN_ROLE}",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--data-checksums",
        # Replaced by our own rules before the server's first start; shut until then.
        "--auth-local=peer",
        "--auth-host=reject",
    ]
    records.announce(INITDB, argv)
    try:
        await run_command(argv, user=user, timeout=_INITDB_SECONDS, working_directory=layout.servers)
    except CommandError as error:
        raise StackError(f"the PostgreSQL cluster could not be initialised: {error}") from error
    records.forget(INITDB)
    with (unfinished / "postgresql.conf").open("a") as configuration:
        # Relative to this file: the state directory may be moved.
        configuration.write("\n# Everything that `capyd dev` sets.\ninclude '../postgres/postgresql.conf'\n")
    unfinished.rename(layout.data)


def write_configuration(layout: Layout, memory: Memory, install: PostgresInstall, *, tls: bool) -> None:
    """Write the files that the cluster's own configuration includes or is led to."""
    write_atomically(layout.access / "postgresql.conf", _render_parameters(layout, memory, install, tls=tls).encode())
    write_atomically(layout.access / "pg_hba.conf", render_hba(ADMIN_ROLE, require_tls=tls).encode())
    ident = layout.access / "pg_ident.conf"
    # Before PostgreSQL 16 the daemon adds a line a login to this file, which a restart must not lose.
    if install.major >= 16 or not ident.exists():
        text = render_ident(
            admin_role=ADMIN_ROLE,
            admin_os_users=[layout.owner.name],
            pooler_os_user=layout.server_user.name,
            major=install.major,
        )
        write_atomically(ident, text.encode())


def _render_parameters(layout: Layout, memory: Memory, install: PostgresInstall, *, tls: bool) -> str:
    parameters = {
        "listen_addresses": HOST,
        "port": str(memory.ports["postgres"]),
        # A list, whose members are quoted on their own.
        "unix_socket_directories": f'"{layout.server_sockets}"',
        "hba_file": str(layout.access / "pg_hba.conf"),
        "ident_file": str(layout.access / "pg_ident.conf"),
        "max_connections": str(MAX_CONNECTIONS),
        "password_encryption": "scram-sha-256",
        # In the titles of its processes: a backend that outlived a killed postmaster is told by it.
        "cluster_name": memory.cluster_id,
        "update_process_title": "on",
        "log_line_prefix": "%m [%p] %q%u@%d ",
    }
    if tls:
        files = layout.certificates
        parameters |= {"ssl": "on", "ssl_cert_file": str(files.certificate), "ssl_key_file": str(files.key)}
    if install.has_library(_STATISTICS):
        parameters["shared_preload_libraries"] = _STATISTICS
    lines = [f"{name} = '{_quoted(value)}'" for name, value in parameters.items()]
    return "\n".join(["# Written by `capyd dev` at every start.", *lines, ""])


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")
