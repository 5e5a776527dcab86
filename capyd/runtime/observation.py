"""Who is told of what took how long. Nobody, unless a listener for metrics is configured: then a call site costs
the look at an attribute.
"""

from collections.abc import Callable
from typing import Final

Seconds = float


class MetricsListenError(Exception):
    """The metrics' address cannot be listened on. Its text says why."""


class Observation:
    """The functions to call; None: nobody wants to know."""

    __slots__ = ("attempt", "commit", "request", "step")

    def __init__(self) -> None:
        self.request: Callable[[str, str, Seconds], None] | None = None
        """An answered call: its method (of the gateway: verb and route), its code."""
        self.attempt: Callable[[str, str, Seconds], None] | None = None
        """One run of a job: its type, its outcome."""
        self.step: Callable[[str, str, str, Seconds], None] | None = None
        """A step of one: the job's type, the step's name, its verdict."""
        self.commit: Callable[[Seconds], None] | None = None
        """A commit of the state file."""


observed: Final = Observation()
"""This process's."""
