"""What a benchmark is, and what it reports."""

import math
import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass


class BenchmarkError(Exception):
    """It could not be measured. Its text says why, in one sentence."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was measured, several times."""

    name: str
    includes: str
    """What happens between the start of the clock and its stop."""
    milliseconds: Sequence[float]
    """A sample each, at least one, in the order in which they were taken."""

    @property
    def median(self) -> float:
        return statistics.median(self.milliseconds)

    @property
    def p99(self) -> float:
        """By nearest rank, so that it is a sample: of fewer than a hundred, the largest."""
        return sorted(self.milliseconds)[math.ceil(0.99 * len(self.milliseconds)) - 1]


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of one benchmark."""

    rows: Sequence[Row]
    reference: str
    """The name of the row that the others are compared with."""
    disk: str
    """What the measured files lay on."""
    versions: dict[str, str]
    """Of the programs that were measured, by name."""
    notes: Sequence[str]
    """Sentences without which the numbers mislead."""

    def ratio(self, row: Row) -> float:
        """The median of `row` as a multiple of the reference's."""
        return row.median / next(other.median for other in self.rows if other.name == self.reference)


@dataclass(frozen=True, slots=True)
class Terms:
    """How to measure."""

    rounds: int
    """Samples of each row."""
    postgres_bin: str | None
    """As of `capyd dev --postgres-bin`."""
    tell: Callable[[str], None]
    """Called with what is being done now: a few words."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A name for the command line, a line about it, and the measurement itself."""

    name: str
    summary: str
    run: Callable[[Terms], Awaitable[Report]]
    """Leaves nothing behind, however it ends.

    Raises:
        BenchmarkError: it could not be measured.
    """
