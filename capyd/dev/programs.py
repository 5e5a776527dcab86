"""The four programs of a stack, in the order in which they start; they stop in the opposite one."""

import signal
import sys
from pathlib import Path

from capyd.dev.layout import Layout
from capyd.host.child import Program
from capyd.host.postgres_install import PostgresInstall
from capyd.host.processes import StopSignals

POSTGRES = "postgres"
POOLER = "pgbouncer"
DAEMON = "capyd"
GATEWAY = "capyd_http"

STOP_SIGNALS: dict[str, StopSignals] = {
    # Requests under way are answered, and a job's step in hand is finished or parked.
    GATEWAY: ((signal.SIGTERM, 15), (signal.SIGKILL, 5)),
    DAEMON: ((signal.SIGTERM, 20), (signal.SIGKILL, 5)),
    # From 1.23 on SIGTERM waits for the clients to leave; SIGQUIT does not.
    POOLER: ((signal.SIGTERM, 2), (signal.SIGQUIT, 3), (signal.SIGKILL, 5)),
    # A fast shutdown: sessions are ended, and a checkpoint is made.
    POSTGRES: ((signal.SIGINT, 30), (signal.SIGQUIT, 10), (signal.SIGKILL, 5)),
}
"""By program, in the order in which they stop."""


def stack_programs(layout: Layout, install: PostgresInstall, pgbouncer: Path) -> list[Program]:
    """What is run, and as whom."""

    def server(name: str, *argv: str) -> Program:
        return Program(
            name=name,
            argv=argv,
            user=layout.server_user,
            log=layout.logs / f"{name}.log",
            working_directory=layout.servers,
            stop_signals=STOP_SIGNALS[name],
        )

    def ours(name: str, *argv: str) -> Program:
        return Program(
            name=name,
            argv=(sys.executable, "-m", *argv),
            user=layout.owner,
            log=layout.logs / f"{name}.log",
            working_directory=layout.state,
            stop_signals=STOP_SIGNALS[name],
        )

    return [
        server(POSTGRES, str(install.directory / "postgres"), "-D", str(layout.data)),
        server(POOLER, str(pgbouncer), str(layout.pooler / "pgbouncer.ini")),
        ours(DAEMON, "capyd", "daemon", "--config", str(layout.daemon_settings)),
        ours(GATEWAY, "capyd_http", "--config", str(layout.gateway_settings)),
    ]
