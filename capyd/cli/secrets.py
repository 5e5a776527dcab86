"""`capyd secrets`: the key that project passwords are encrypted under."""

import asyncio
import json
from pathlib import Path

import click

from capyd.cli.daemon_calls import json_option
from capyd.cli.settings import config_option, load_settings
from capyd.daemon.offline import StateError
from capyd.daemon.rotate_key import rotate_key
from capyd.daemon.state_lock import StateLockedError
from capyd.domain.failures import StepError
from capyd.host.sealing import KeyFileError
from capyd.postgres.ownership import ClusterHeldError
from capyd.runtime.clock import utc_now


@click.group()
def secrets() -> None:
    """The key that project passwords are encrypted under."""


@secrets.command("rotate-key")
@config_option
@json_option
def rotate_key_command(*, config: Path, as_json: bool) -> None:
    """Encrypt every project's password under a new key, in the state file and in the ledger.

    The daemon must not run, and PostgreSQL must. No login changes. Cut off anywhere, another call goes on with it.
    """
    settings = load_settings(config)
    try:
        rotated = asyncio.run(rotate_key(settings, say=lambda line: click.echo(f"{line} ...", err=True), clock=utc_now))
    except StepError as error:
        raise click.ClickException(error.summary) from error
    except (StateLockedError, ClusterHeldError) as error:
        raise click.ClickException(f"{error}: stop it first") from error
    except (StateError, KeyFileError) as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{settings.state.secret_key_file} cannot be written: {error.strerror}") from error
    if as_json:
        click.echo(json.dumps({"resealed": rotated.resealed, "unreadable": rotated.unreadable}, indent=2))
        return
    click.echo(f"{rotated.resealed} passwords are encrypted under a new key, {settings.state.secret_key_file}")
    if rotated.unreadable:
        click.echo(f"{rotated.unreadable} could not be read: rotate the credentials of the projects that show none")
