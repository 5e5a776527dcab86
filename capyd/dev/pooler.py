"""The configuration that the stack's PgBouncer starts on. From then on it is the daemon's."""

from capyd.config.settings import Settings
from capyd.dev.errors import StackError
from capyd.dev.layout import Layout
from capyd.domain.failures import StepError
from capyd.host.command import run_command
from capyd.host.users import current_user
from capyd.pgbouncer.pooler import Pooler
from capyd.pgbouncer.version import parse_version
from capyd.runtime.settings_file import read_settings

_VERSION_SECONDS = 10


def forget_pooler_files(layout: Layout) -> None:
    """Remove the configuration: it was made for other ports or paths."""
    for file in layout.pooler.iterdir():
        file.unlink()


async def ensure_pooler_files(layout: Layout) -> None:
    """Write a configuration without projects where there is none; the daemon adds those when it starts.

    Raises:
        StackError: it could not be written.
    """
    settings = read_settings(layout.daemon_settings, Settings)
    try:
        version = parse_version(
            await run_command([settings.pooler.binary, "--version"], user=current_user(), timeout=_VERSION_SECONDS)
        )
        await Pooler(settings.pooler, settings.postgres).write_initial_files(version)
    except StepError as error:
        raise StackError(f"PgBouncer's configuration could not be written: {error.detail}") from error
