"""`capyd doctor --attack`."""

import asyncio
import json
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from typing import Final

import click

from capyd.attack.attempt import Category, Outcome, Verdict
from capyd.attack.catalogue import CATALOGUE
from capyd.attack.errors import AttackError
from capyd.attack.run import attack_cluster
from capyd.attack.table import table_rows
from capyd.cli.daemon_calls import call_daemon
from capyd.cli.tables import print_table
from capyd.client.channel import Channel

_FAILED: Final = 1
_COULD_NOT_ATTACK: Final = 2
_TERMINATED: Final = 128 + signal.SIGTERM


def run_attack(target: str, names: Sequence[str], *, as_json: bool) -> None:
    """Attack, print what came of it, and exit: 0 everything held, 1 something did not, 2 it could not be tried."""
    categories = [category for category in CATALOGUE if category.name in names] if names else CATALOGUE
    if len(categories) < len(set(names)):
        raise click.UsageError(f"the categories are: {', '.join(category.name for category in CATALOGUE)}")
    try:
        outcomes = call_daemon(target, lambda channel: _outcomes(channel, target, categories))
    except (click.ClickException, AttackError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(_COULD_NOT_ATTACK)
    except asyncio.CancelledError:
        sys.exit(_TERMINATED)
    if as_json:
        click.echo(json.dumps(_as_json(outcomes), indent=2, ensure_ascii=False))
    else:
        _print(outcomes)
    if any(outcome.verdict is Verdict.FAILED for outcome in outcomes):
        sys.exit(_FAILED)


async def _outcomes(channel: Channel, target: str, categories: Sequence[Category]) -> list[Outcome]:
    task = asyncio.current_task()
    if task is not None:
        # As Ctrl-C does: the canaries are removed on the way out.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with aclosing(attack_cluster(channel, target, categories)) as running:
        return [outcome async for outcome in running]


def _print(outcomes: list[Outcome]) -> None:
    print_table(
        table_rows(outcomes),
        [
            ("ATTEMPT", lambda row: row.name),
            ("CATEGORY", lambda row: row.category),
            ("DOOR", lambda row: row.doors),
            ("EXPECTED", lambda row: row.expected),
            ("HAPPENED", lambda row: row.happened),
            ("RESULT", lambda row: row.verdict),
        ],
    )
    counts = Counter(outcome.verdict for outcome in outcomes)
    click.echo(
        f"{len(outcomes)} tries: {counts[Verdict.HELD]} held, {counts[Verdict.OPEN]} open, which nobody can bind"
        f" (docs/isolation.md), {counts[Verdict.FAILED]} FAILED; the canaries are removed",
        err=True,
    )


def _as_json(outcomes: list[Outcome]) -> dict[str, object]:
    counts = Counter(outcome.verdict for outcome in outcomes)
    return {
        "held": counts[Verdict.HELD],
        "open": counts[Verdict.OPEN],
        "failed": counts[Verdict.FAILED],
        "tries": [
            {
                "category": outcome.category,
                "attempt": outcome.attempt.name,
                "door": outcome.door,
                "tries": outcome.attempt.tries,
                "expected": str(outcome.attempt.expected(outcome.door)),
                "happened": str(outcome.observed),
                "result": outcome.verdict.lower(),
                "held_by": outcome.attempt.held_by,
                "source": outcome.attempt.source,
                "documented": outcome.attempt.unbound,
            }
            for outcome in outcomes
        ],
    }
