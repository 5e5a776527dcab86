"""The option `--config`, and what it names."""

from pathlib import Path

import click

from capyd.config import Settings
from capyd.runtime.settings_file import SettingsError, read_settings

DEFAULT_CONFIG = Path("/etc/capyd/capyd.toml")

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT_CONFIG,
    show_default=True,
    envvar="CAPYD_CONFIG",
    help="The configuration file.",
)


def load_settings(path: Path) -> Settings:
    """The settings in the file; every mistake in it is shown, and the exit code is 1."""
    try:
        return read_settings(path, Settings)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
