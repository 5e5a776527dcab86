"""The group of all commands. Each is imported when it is called, so that none waits for what another needs."""

import importlib
import os
from typing import Any, Final

import click

from capyd import __version__

_COMMANDS: Final = {
    "audit": "capyd.cli.audit:audit",
    "backup-state": "capyd.cli.state:backup_state",
    "completion": "capyd.cli.completion:completion",
    "config": "capyd.cli.config:config",
    "daemon": "capyd.cli.daemon:daemon",
    "dev": "capyd.cli.dev:dev",
    "doctor": "capyd.cli.doctor:doctor",
    "events": "capyd.cli.events:events",
    "extensions": "capyd.cli.extensions:extensions",
    "jobs": "capyd.cli.jobs:jobs",
    "keys": "capyd.cli.keys:keys",
    "projects": "capyd.cli.projects:projects",
    "rebuild-state": "capyd.cli.state:rebuild_state_command",
    "setup": "capyd.cli.setup:setup",
    "restore-state": "capyd.cli.state:restore_state_command",
    "orgs": "capyd.cli.organizations:orgs",
    "secrets": "capyd.cli.secrets:secrets",
    "status": "capyd.cli.status:status",
}


class _LazyGroup(click.Group):
    """Knows its commands by name, and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. A defect of ours is one sentence too; CAPYD_DEBUG=1 shows where it is."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, OSError):
            # OSError: click knows what a closed pipe is.
            raise
        except Exception as error:
            if os.environ.get("CAPYD_DEBUG"):
                raise
            raise click.ClickException(
                f"an unexpected {type(error).__name__} inside capyd: {error} (CAPYD_DEBUG=1 shows where)"
            ) from error


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="capyd")
def main() -> None:
    """An agent that turns the PostgreSQL cluster beside it into a service of projects.

    Exit codes: 0 done; 1 refused, or the job failed; 2 called in a wrong way, or (doctor) could not look; 3 no daemon
    answers. CAPYD_TARGET names the daemon, as --target does.
    """
