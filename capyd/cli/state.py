"""`capyd backup-state`, `capyd restore-state` and `capyd rebuild-state`: without a daemon, from its configuration."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from capyd.cli.daemon_calls import json_option
from capyd.cli.settings import config_option, load_settings
from capyd.config import Settings
from capyd.daemon.offline import NewState, StateError
from capyd.daemon.rebuild import rebuild_state
from capyd.daemon.restore import restore_state
from capyd.daemon.state_lock import StateLockedError
from capyd.domain.failures import StepError
from capyd.postgres.ownership import ClusterHeldError
from capyd.runtime.clock import utc_now
from capyd.sqlite.backup import BackupError, Backups
from capyd.sqlite.integrity import DamagedFileError
from capyd.sqlite.migrations import SchemaTooNewError

Made = TypeVar("Made")


@click.command("backup-state")
@config_option
@json_option
def backup_state(*, config: Path, as_json: bool) -> None:
    """Back up the state file, checked, into the directory of backups. The daemon may run."""
    settings = load_settings(config)
    made = _run(_backups(settings).make(now=utc_now()))
    if as_json:
        _print_json({"path": str(made.path), "taken_at": made.taken_at.isoformat(), "size_bytes": made.size_bytes})
    else:
        click.echo(f"{made.path}: {made.size_bytes} bytes, checked")


@click.command("rebuild-state")
@config_option
@click.option("--rotate-all", is_flag=True, help="Have the daemon give every project a new password when it starts.")
@json_option
def rebuild_state_command(*, config: Path, rotate_all: bool, as_json: bool) -> None:
    """Make a new state file from the ledger in the cluster.

    The daemon must not run, and PostgreSQL must. No login changes, but with --rotate-all. A state file that is there is
    set aside.
    """
    made = _run(rebuild_state(load_settings(config), say=_progress(), clock=utc_now, rotate_all=rotate_all))
    _show(made, as_json=as_json)


@click.command("restore-state")
@config_option
@click.argument("backup", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@json_option
def restore_state_command(*, config: Path, backup: Path | None, as_json: bool) -> None:
    """Make the state file from BACKUP, by default the newest one, and from what the ledger has newer.

    The daemon must not run, and PostgreSQL must. A state file that is there is set aside.
    """
    settings = load_settings(config)
    chosen = backup or _newest(settings)
    _show(_run(restore_state(settings, chosen, say=_progress(), clock=utc_now)), as_json=as_json)


def _newest(settings: Settings) -> Path:
    made = _backups(settings).list()
    if not made:
        raise click.ClickException(
            f"there is no backup in {settings.state.backups}: name one, or make the state anew with capyd rebuild-state"
        )
    return made[-1].path


def _backups(settings: Settings) -> Backups:
    state = settings.state
    return Backups(state=state.path, directory=state.backups, keep=state.backup_keep)


def _run(work: Coroutine[Any, Any, Made]) -> Made:
    try:
        return asyncio.run(work)
    except StepError as error:
        raise click.ClickException(error.summary) from error
    except (StateLockedError, ClusterHeldError) as error:
        raise click.ClickException(f"{error}: stop it first") from error
    except (StateError, BackupError, DamagedFileError, SchemaTooNewError) as error:
        raise click.ClickException(str(error)) from error


def _progress() -> Callable[[str], None]:
    return lambda line: click.echo(f"{line} ...", err=True)


def _show(made: NewState, *, as_json: bool) -> None:
    if as_json:
        _print_json(
            {
                "path": str(made.path),
                "set_aside": None if made.set_aside is None else str(made.set_aside),
                "organizations": made.organizations,
                "projects": made.projects,
                "api_keys": made.api_keys,
                "from_ledger": made.from_ledger,
            }
        )
        return
    click.echo(
        f"{made.path}: {made.organizations} organizations, {made.projects} projects, {made.api_keys} API keys; "
        f"{made.from_ledger} objects from the ledger"
    )
    if made.set_aside is not None:
        click.echo(f"the file that was there is now {made.set_aside}")


def _print_json(values: Mapping[str, object]) -> None:
    click.echo(json.dumps(values, indent=2))
