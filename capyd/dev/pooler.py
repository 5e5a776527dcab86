"""The stack's PgBouncer, and the configuration that it starts on. From then on that is the daemon's."""

from dataclasses import dataclass
from pathlib import Path

from capyd.config.settings import Settings
from capyd.dev.errors import StackError
from capyd.dev.layout import Layout
from capyd.domain.failures import StepError
from capyd.host.command import run_command
from capyd.host.users import current_user
from capyd.pgbouncer.pooler import Pooler
from capyd.pgbouncer.version import Version, has_tls, parse_version
from capyd.runtime.settings_file import read_settings

_VERSION_SECONDS = 10


@dataclass(frozen=True, slots=True)
class PoolerProgram:
    """One installed PgBouncer."""

    path: Path
    version: Version
    has_tls: bool


async def inspect_pooler(path: Path) -> PoolerProgram:
    """Ask the program what it is.

    Raises:
        StackError: it is not PgBouncer.
    """
    try:
        text = await run_command([path, "--version"], user=current_user(), timeout=_VERSION_SECONDS)
        return PoolerProgram(path, parse_version(text), has_tls(text))
    except StepError as error:
        raise StackError(f"{path} is not PgBouncer: {error.detail}") from error


def forget_pooler_files(layout: Layout) -> None:
    """Remove the configuration: it was made for other ports or paths."""
    for file in layout.pooler.iterdir():
        file.unlink()


async def ensure_pooler_files(layout: Layout, program: PoolerProgram) -> None:
    """Write a configuration without projects where there is none; the daemon adds those when it starts.

    Raises:
        StackError: it could not be written.
    """
    settings = read_settings(layout.daemon_settings, Settings)
    try:
        await Pooler(settings.pooler, settings.postgres).write_initial_files(program.version)
    except StepError as error:
        raise StackError(f"PgBouncer's configuration could not be written: {error.detail}") from error
