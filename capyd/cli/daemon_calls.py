"""How commands call a daemon."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click

from capyd.client.channel import Channel, open_channel
from capyd.client.failures import CallError, NoAnswerError, call_failures

Answer = TypeVar("Answer")

TIMEOUT_SECONDS = 15.0

target_option = click.option(
    "--target",
    default="unix:/run/capyd/admin.sock",
    show_default=True,
    envvar="CAPYD_TARGET",
    help="The daemon: `unix:` and the path of its admin socket.",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def call_daemon(target: str, calls: Callable[[Channel], Awaitable[Answer]]) -> Answer:
    """Open a channel, make the calls, and return their answer; a refusal is one sentence and exit code 1."""

    async def run() -> Answer:
        async with open_channel(target) as channel:
            with call_failures(target):
                return await calls(channel)

    try:
        return asyncio.run(run())
    except NoAnswerError as error:
        raise NoDaemonError(str(error)) from error
    except CallError as error:
        raise click.ClickException(str(error)) from error


class NoDaemonError(click.ClickException):
    """Nobody answers at the target."""

    exit_code = 3
