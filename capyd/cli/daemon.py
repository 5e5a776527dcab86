"""`capyd daemon`."""

from functools import partial
from pathlib import Path

import click
import uvloop

from capyd.cli.settings import config_option, load_settings
from capyd.config import Settings
from capyd.daemon.run import run_daemon
from capyd.daemon.state_lock import StateLockedError
from capyd.domain.errors import InvalidError
from capyd.host.sealing import KeyFileError
from capyd.postgres.ownership import ClusterHeldError
from capyd.rpc.listeners import ListenError
from capyd.runtime.logs import configure_logs
from capyd.runtime.observation import MetricsListenError
from capyd.runtime.settings_file import read_settings
from capyd.runtime.tasks import TaskEndedError
from capyd.runtime.tracing import TracingError, start_tracing, stop_tracing
from capyd.sqlite.integrity import DamagedFileError
from capyd.sqlite.migrations import SchemaTooNewError


@click.command()
@config_option
def daemon(config: Path) -> None:
    """Run the daemon in the foreground, as a service manager wants it."""
    settings = load_settings(config)
    configure_logs(level=settings.logs.level, log_format=settings.logs.format)
    try:
        if settings.tracing.endpoint is not None:
            start_tracing(settings.tracing.endpoint, service="capyd", sample=settings.tracing.sample, is_edge=False)
        uvloop.run(run_daemon(settings, read_again=partial(read_settings, config, Settings)))
    except (StateLockedError, DamagedFileError, SchemaTooNewError, KeyFileError, ListenError, InvalidError) as error:
        raise click.ClickException(str(error)) from error
    except TracingError as error:
        raise click.ClickException(str(error)) from error
    except TaskEndedError as error:
        if isinstance(error.__cause__, (ClusterHeldError, MetricsListenError)):
            raise click.ClickException(str(error.__cause__)) from error
        raise click.ClickException(f"{error}: {error.__cause__!r}; start it again") from error
    finally:
        stop_tracing()
