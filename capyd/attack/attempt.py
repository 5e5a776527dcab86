"""One attempt: what is tried, through which doors, and what must come of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from capyd.attack.expectation import Expectation, Observed

if TYPE_CHECKING:
    from capyd.attack.field import Field


class Door(StrEnum):
    """A way in. A login by it is all that a tenant has."""

    DIRECT = "direct"
    POOLED = "pooled"
    API = "api"
    """Not a login: what the tenant asks of the daemon."""


BOTH = (Door.DIRECT, Door.POOLED)
DIRECT = (Door.DIRECT,)
POOLED = (Door.POOLED,)
API = (Door.API,)

Act = Callable[["Field", Door], Awaitable[Observed]]


@dataclass(frozen=True, slots=True)
class Attempt:
    """A row of the table."""

    name: str
    """Unique, in words joined by `_`."""
    tries: str
    """The statement, or a sentence."""
    act: Act
    expects: Expectation
    held_by: str
    """Which defence holds it; of one that nobody can bind, what is done instead."""
    source: str
    """Where the idea is from: a CVE, a chapter of a manual, `facts §` of our own collection."""
    doors: tuple[Door, ...] = BOTH
    expects_pooled: Expectation | None = None
    """Where the pooler refuses in other words than the server."""
    unbound: str | None = None
    """The section of docs/isolation.md on what PostgreSQL lets nobody bind: this one succeeds, and is told there."""
    since: int = 0
    """The first PostgreSQL major that it can be tried on."""

    def expected(self, door: Door) -> Expectation:
        """What must come of it through `door`."""
        return self.expects_pooled if door is Door.POOLED and self.expects_pooled else self.expects


@dataclass(frozen=True, slots=True)
class Category:
    """Attempts of one kind, in the order in which they are made."""

    name: str
    about: str
    attempts: tuple[Attempt, ...]


class Verdict(StrEnum):
    """What an outcome means."""

    HELD = "held"
    OPEN = "open"
    """Known, documented, and nobody's to close."""
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt through one door."""

    category: str
    attempt: Attempt
    door: Door
    observed: Observed

    @property
    def verdict(self) -> Verdict:
        """Held, open, or failed: anything else than what was expected is a failure, another refusal too."""
        if not self.attempt.expected(self.door).is_met(self.observed):
            return Verdict.FAILED
        return Verdict.OPEN if self.attempt.unbound else Verdict.HELD
