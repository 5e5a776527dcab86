"""`scripts/fuzz`."""

import asyncio
import random
import shlex
import sys
from pathlib import Path
from typing import Any

import click
from reliability.stack import Stack, StackFailedError

from fuzzing.calls import run_calls
from fuzzing.rest import run_rest

_SHOWN = 20


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--requests", type=click.IntRange(1), default=500, show_default=True, help="On each of the two faces.")
@click.option("--seed", type=int, help="The same one generates the same. [default: a random one]")
@click.option("--postgres-bin", metavar="DIR", help="As of `capyd dev`.")
def main(*, requests: int, seed: int | None, postgres_bin: str | None) -> None:
    """Send generated requests (REST) and calls (gRPC) to a stack of its own, and check every answer.

    No server error, no undocumented status, nothing changed by a call that was refused. Exits with 1 otherwise; the
    stack's directory is kept then.
    """
    if seed is None:
        seed = random.randrange(1_000_000)
    click.echo(shlex.join(["scripts/fuzz", "--requests", str(requests), "--seed", str(seed)]))
    try:
        stack = asyncio.run(Stack.start(postgres_bin=postgres_bin))
    except StackFailedError as error:
        raise click.ClickException(str(error)) from None
    try:
        is_clean = _run(stack.ready, stack.state, requests, seed)
    finally:
        stopped = stack.stop()
    if stopped != 0:
        click.echo(f"the stack ended with status {stopped}")
    if not is_clean or stopped != 0:
        click.echo(f"the stack is kept: {stack.directory}")
        sys.exit(1)
    stack.remove()


def _run(ready: dict[str, Any], state: Path, requests: int, seed: int) -> bool:
    rest = run_rest(ready, requests=requests, seed=seed)
    if not rest.succeeded:
        click.echo(rest.said)
    click.echo(f"REST: {rest.generated} requests, {'all as documented' if rest.succeeded else 'with failures'}")
    calls = run_calls(ready, state, number=requests, seed_number=seed)
    for failure in calls.failures[:_SHOWN]:
        click.echo(failure)
    codes = ", ".join(f"{code} {number}" for code, number in calls.codes.most_common())
    click.echo(f"gRPC: {calls.codes.total()} calls ({codes})")
    click.echo(f"{calls.refused_and_compared} refused changes compared, {len(calls.failures)} failures")
    return rest.succeeded and not calls.failures


main()
