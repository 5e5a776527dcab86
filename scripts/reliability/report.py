"""A run's outcome as tables."""

from collections import Counter

from rich.console import Console
from rich.table import Table

from reliability.chaos import Outcome

_SHOWN = 10


def print_outcome(console: Console, outcome: Outcome) -> None:
    """What was done, what was killed, what was asked again, what became of the jobs, and every verdict."""
    _print_counts(console, "acknowledged", outcome.run.operations)
    _print_counts(console, "killed", outcome.run.kills)
    _print_counts(console, "sent again after", outcome.losses.counted)
    _print_counts(console, "jobs", Counter({f"{kind}, {state}": number for kind, state, number in outcome.jobs}))
    table = Table("invariant", "verdict")
    for verdict in outcome.verdicts:
        table.add_row(verdict.invariant, "holds" if verdict.holds else f"FALSE ({len(verdict.against)})")
    console.print(table)
    for verdict in outcome.verdicts:
        for line in verdict.against[:_SHOWN]:
            console.print(f"✗ {verdict.invariant}: {line}", highlight=False)
    console.print(
        f"{outcome.seconds:.0f} s; {len(outcome.orphans)} directories in base/ that PostgreSQL left behind when it "
        "died in a CREATE or DROP DATABASE (it never removes them)",
        highlight=False,
    )


def _print_counts(console: Console, title: str, counted: Counter[str]) -> None:
    table = Table(title, "number")
    table.columns[1].justify = "right"
    for what, number in sorted(counted.items()):
        table.add_row(what, str(number))
    table.add_row("in all", str(counted.total()), style="bold")
    console.print(table)
