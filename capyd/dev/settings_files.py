"""The configuration files of the stack's daemon and gateway."""

import json
from collections.abc import Mapping
from pathlib import Path

from capyd.dev.layout import Layout
from capyd.dev.memory import Memory
from capyd.dev.ports import HOST
from capyd.dev.tls import Tls, ssl_mode
from capyd.host.postgres_install import PostgresInstall

Table = Mapping[str, str | int]

_LOGS: Table = {"level": "info", "format": "json"}


def render_daemon_settings(
    layout: Layout, memory: Memory, install: PostgresInstall, pgbouncer: Path, tls: Tls
) -> bytes:
    """The daemon's file (`capyd.config.settings` says what each setting means)."""
    return _render_toml(_daemon_tables(layout, memory, postgres_major=install.major, pgbouncer=pgbouncer, tls=tls))


def render_gateway_settings(layout: Layout, memory: Memory) -> bytes:
    """The gateway's file."""
    return _render_toml(
        {
            "": {"listen_host": HOST, "listen_port": memory.ports["http"], "backend": f"unix:{layout.api_socket}"},
            "logs": _LOGS,
        }
    )


def _daemon_tables(
    layout: Layout, memory: Memory, *, postgres_major: int, pgbouncer: Path, tls: Tls
) -> dict[str, Table]:
    postgres: dict[str, str | int] = {"socket_dir": str(layout.server_sockets), "port": memory.ports["postgres"]}
    if postgres_major < 16:
        # Older servers have no patterns in pg_ident.conf: the daemon writes a line a role.
        postgres["ident_file"] = str(layout.access / "pg_ident.conf")
    pooler: dict[str, str | int] = {
        "config_dir": str(layout.pooler),
        "socket_dir": str(layout.server_sockets),
        "listen_address": HOST,
        "port": memory.ports["pooler"],
        "os_user": layout.server_user.name,
        "binary": str(pgbouncer),
        "console_password_file": str(layout.console_password),
    }
    if tls.pooled:
        files = layout.certificates
        pooler |= {"tls_certificate_file": str(files.certificate), "tls_key_file": str(files.key)}
    return {
        "cluster": {
            "id": memory.cluster_id,
            "name": "dev",
            "provider": "capyd-dev",
            "public_host": HOST,
            "direct_port": memory.ports["postgres"],
            "pooled_port": memory.ports["pooler"],
            "direct_ssl_mode": ssl_mode(tls.direct),
            "pooled_ssl_mode": ssl_mode(tls.pooled),
        },
        "state": {"path": str(layout.state_file), "secret_key_file": str(layout.secret_key)},
        "postgres": postgres,
        "pooler": pooler,
        "listen": {
            "admin_socket": str(layout.admin_socket),
            "api_socket": str(layout.api_socket),
            "api_address": f"{HOST}:{memory.ports['grpc']}",
        },
        "logs": _LOGS,
    }


def _render_toml(tables: Mapping[str, Table]) -> bytes:
    # The nameless section stands at the top of the file. Every string of JSON is one of TOML's basic strings.
    lines = ["# Written by `capyd dev` at every start."]
    for name, table in tables.items():
        if name:
            lines += ["", f"[{name}]"]
        lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items()]
    return ("\n".join(lines) + "\n").encode()
