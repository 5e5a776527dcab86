"""`capyd config`."""

from pathlib import Path

import click

from capyd.cli.settings import config_option, load_settings


@click.group()
def config() -> None:
    """Look at the configuration."""


@config.command()
@config_option
def check(config: Path) -> None:
    """Say whether the file can be used, and everything that is wrong with it."""
    load_settings(config)
    click.echo(f"{config}: fine")
