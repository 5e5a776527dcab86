"""`capyd config`."""

from pathlib import Path

import click

from capyd.cli.daemon_calls import json_option
from capyd.cli.settings import config_option, load_settings
from capyd.runtime.settings_file import Section


@click.group()
def config() -> None:
    """Look at the configuration."""


@config.command()
@config_option
def check(config: Path) -> None:
    """Say whether the file can be used, and everything that is wrong with it."""
    load_settings(config)
    click.echo(f"{config}: fine")


@config.command()
@config_option
@click.option("--changed", is_flag=True, help="Only what is not as it is by default.")
@json_option
def show(config: Path, *, changed: bool, as_json: bool) -> None:
    """Show every setting in force. There are no secrets among them, only the names of files that hold some."""
    settings = load_settings(config)
    if as_json:
        # What a file may say: to be read by the next program, or by capyd again.
        click.echo(settings.model_dump_json(indent=2, exclude_unset=changed))
        return
    for name, section in settings:
        if not isinstance(section, Section):
            if section or not changed:
                click.echo(f"{name} = {section}")
            continue
        for field, value in section:
            if not changed or field in section.model_fields_set:
                click.echo(f"{name}.{field} = {value}")
