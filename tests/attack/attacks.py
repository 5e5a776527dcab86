"""Runs of the suite for tests, whole or of a few rows, with a defence taken away before it."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace

from capyd.attack.attempt import Category, Outcome, Verdict
from capyd.attack.canaries import canaries
from capyd.attack.catalogue import CATALOGUE
from capyd.attack.daemon import Daemon
from capyd.attack.field import Field, survey
from capyd.attack.suite import attack
from tests.stack.running import RunningStack

Weaken = Callable[[Field], Awaitable[None]]


def rows(*names: str) -> list[Category]:
    """The catalogue with these attempts alone, in its own order."""
    chosen = [
        replace(category, attempts=tuple(attempt for attempt in category.attempts if attempt.name in names))
        for category in CATALOGUE
    ]
    found = {attempt.name for category in chosen for attempt in category.attempts}
    assert found == set(names), f"no such rows: {set(names) - found}"
    return [category for category in chosen if category.attempts]


@asynccontextmanager
async def battlefield(stack: RunningStack) -> AsyncIterator[Field]:
    """Two canaries, and what the attacker can find out."""
    await stack.spares()  # some attempts are about one
    daemon = Daemon(stack.admin, stack.ready["admin_target"])
    async with canaries(stack.admin, daemon) as pair:
        yield await survey(pair.attacker, pair.victim, daemon, token=secrets.token_hex(6))


async def outcomes(field: Field, categories: Iterable[Category]) -> list[Outcome]:
    """What came of each attempt."""
    return [outcome async for outcome in attack(field, categories)]


def failed(found: Iterable[Outcome]) -> list[str]:
    """The failed rows, as a sentence each."""
    return [
        f"{outcome.category}: {outcome.attempt.name}, {outcome.door}: expected"
        f" {outcome.attempt.expected(outcome.door)}; {outcome.observed}"
        for outcome in found
        if outcome.verdict is Verdict.FAILED
    ]
