"""Makes the attempts, one after the other, and says what came of each."""

from collections.abc import AsyncIterator, Iterable

import psycopg

from capyd.attack.attempt import Attempt, Category, Door, Outcome
from capyd.attack.expectation import Observed, refused
from capyd.attack.field import Field


async def attack(field: Field, categories: Iterable[Category]) -> AsyncIterator[Outcome]:
    """Every attempt through each of its doors, in order: later ones may leave less of the attacker than they found."""
    try:
        for category in categories:
            for attempt in category.attempts:
                if field.major < attempt.since:
                    continue
                for door in attempt.doors:
                    yield Outcome(category.name, attempt, door, await _try(field, attempt, door))
            await field.sessions.close()
    finally:
        await field.sessions.close()


async def _try(field: Field, attempt: Attempt, door: Door) -> Observed:
    try:
        return await attempt.act(field, door)
    except psycopg.Error as error:
        # Where the attempt did not get as far as what it tries. Never what is expected of it.
        return refused(f"the attempt broke off: {' '.join(str(error).split())}", "broke off")
