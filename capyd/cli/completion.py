"""`capyd completion`."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script that completes capyd's commands.

    For bash: capyd completion bash > /etc/bash_completion.d/capyd
    """
    found = get_completion_class(shell)
    assert found is not None  # noqa: S101  (click has all three)
    click.echo(found(context.find_root().command, {}, "capyd", "_CAPYD_COMPLETE").source())
