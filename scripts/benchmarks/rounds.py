"""Takes samples side by side, so that the machine's drift hits all contenders alike."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from benchmarks.benchmark import Row, Terms

_WARM_UP_ROUNDS = 2  # connections are opened, code is loaded, caches are filled


@dataclass(frozen=True, slots=True)
class Contender:
    """One row to be."""

    name: str
    includes: str
    sample: Callable[[], Awaitable[float]]
    """Do it once; the seconds it took."""


async def interleave(
    groups: Sequence[Sequence[Contender]], *, settle: Callable[[], Awaitable[None]], terms: Terms
) -> list[Row]:
    """One sample of every contender a round, after a few rounds that do not count.

    Within a group one follows the other, each round beginning with another one; before each group `settle` waits
    until nothing goes on in the background.
    """
    milliseconds: dict[str, list[float]] = {contender.name: [] for group in groups for contender in group}
    for number in range(-_WARM_UP_ROUNDS, terms.rounds):
        terms.tell("warming up" if number < 0 else f"round {number + 1} of {terms.rounds}")
        for group in groups:
            await settle()
            first = number % len(group)
            for contender in (*group[first:], *group[:first]):
                seconds = await contender.sample()
                if number >= 0:
                    milliseconds[contender.name].append(seconds * 1000)
    return [
        Row(contender.name, contender.includes, milliseconds[contender.name]) for group in groups for contender in group
    ]
