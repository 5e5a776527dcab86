"""How an attempt ended, as a value."""

from dataclasses import dataclass

from capyd.domain.failures import UnreachableError
from capyd.jobs.job_type import Effect


@dataclass(frozen=True, slots=True)
class Completed:
    """It is done; `effect` says so in the state."""

    effect: Effect


@dataclass(frozen=True, slots=True)
class Waiting:
    """A server does not answer. The attempt does not count."""

    error: str
    detail: str
    cause: UnreachableError
    """It says which server."""


@dataclass(frozen=True, slots=True)
class Retry:
    """It may succeed next time."""

    error: str
    detail: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It is over."""

    error: str
    detail: str
    classification: str
    """`permanent`, or `transient` when the attempts were used up."""


Outcome = Completed | Waiting | Retry | Failed
