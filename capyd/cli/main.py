"""The group of all commands."""

import click

from capyd import __version__
from capyd.cli.config import config
from capyd.cli.daemon import daemon
from capyd.cli.dev import dev
from capyd.cli.keys import keys
from capyd.cli.organizations import orgs


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="capyd")
def main() -> None:
    """An agent that turns the PostgreSQL cluster beside it into a service of projects."""


for command in (dev, daemon, orgs, keys, config):
    main.add_command(command)
