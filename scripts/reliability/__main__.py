"""`scripts/chaos`."""

import asyncio
import random
import shlex
import signal
import sys

import click
from rich.console import Console

from reliability.chaos import Outcome, run_chaos
from reliability.clients import RefusedError
from reliability.report import print_outcome
from reliability.schedule import Schedule, draw_schedule
from reliability.stack import Stack, StackFailedError
from reliability.telling import telling


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--operations", type=click.IntRange(1), default=500, show_default=True, help="Requests, of all clients.")
@click.option("--kills", type=click.IntRange(0), default=100, show_default=True, help="Programs that are ended.")
@click.option("--clients", type=click.IntRange(1), default=6, show_default=True, help="Half of them REST, half gRPC.")
@click.option("--seed", type=int, help="The same one draws the same operations and kills. [default: a random one]")
@click.option("--postgres-bin", metavar="DIR", help="As of `capyd dev`.")
def main(*, operations: int, kills: int, clients: int, seed: int | None, postgres_bin: str | None) -> None:
    """Kill the parts of a stack at random while clients use it, and check from outside that nothing was lost.

    Exits with 1 when something was; the stack's directory is kept then.
    """
    if seed is None:
        seed = random.randrange(1_000_000)
    schedule = draw_schedule(seed=seed, operations=operations, kills=kills, clients=clients)
    console = Console()
    command = ["scripts/chaos", "--operations", operations, "--kills", kills, "--clients", clients, "--seed", seed]
    console.print(shlex.join([*map(str, command), *(["--postgres-bin", postgres_bin] if postgres_bin else [])]))
    with asyncio.Runner() as runner:
        sys.exit(runner.run(_run(schedule, postgres_bin, console)))


async def _run(schedule: Schedule, postgres_bin: str | None, console: Console) -> int:
    task = asyncio.current_task()
    assert task is not None
    # As Ctrl-C does: the stack is stopped in order.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        stack = await Stack.start(postgres_bin=postgres_bin)
    except StackFailedError as error:
        console.print(str(error))
        return 1
    outcome: Outcome | None = None
    try:
        with telling(Console(stderr=True)) as tell:
            outcome = await run_chaos(stack, schedule, tell)
    except (RefusedError, StackFailedError) as error:
        console.print(f"the run was broken off: {error}", highlight=False)
    finally:
        stopped = stack.stop()
    if outcome is not None:
        print_outcome(console, outcome)
    if outcome is not None and outcome.good and stopped == 0:
        stack.remove()
        return 0
    console.print(f"The stack ended with status {stopped}; its state and logs are kept in {stack.directory}")
    return 1


if __name__ == "__main__":
    main()
