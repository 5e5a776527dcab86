"""Spans, for whoever configured tracing: from a request through the call to each step of its job.

Off, as it is by default, a call site costs a function call. What a span carries is names and ids: no path with its
values, no statement, no text of an error, since any of these may hold what is a tenant's business.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Final, Protocol

Carried = Mapping[str, str]
"""A span's place in its trace, as headers (W3C `traceparent`)."""


class Tracer(Protocol):
    """What makes spans."""

    def span(
        self, name: str, *, kind: str, parent: Carried | None, attributes: Mapping[str, str]
    ) -> AbstractContextManager[None]:
        """A span around a block; under `parent`, or else under the span of the block around it."""

    def annotate(self, name: str, value: str | int) -> None:
        """Say something of the span that is open."""

    def carry(self) -> dict[str, str]:
        """The open span's place."""

    def close(self, *, grace_seconds: float) -> None:
        """Send what has not been sent. Blocks."""


class Tracing:
    """This process's tracer, if it has one, and where in a trace a job was asked for."""

    _MOST_REMEMBERED = 10_000

    def __init__(self) -> None:
        self.tracer: Tracer | None = None
        self._asked_in: dict[str, Carried] = {}

    def span(
        self, name: str, *, kind: str = "internal", parent: Carried | None = None, **attributes: str
    ) -> AbstractContextManager[None]:
        """A span around a block. `kind`: `server`, `client` or `internal`."""
        if self.tracer is None:
            return _NOTHING
        return self.tracer.span(name, kind=kind, parent=parent, attributes=attributes)

    def annotate(self, name: str, value: str | int) -> None:
        """Say something of the span that is open."""
        if self.tracer is not None:
            self.tracer.annotate(name, value)

    def carry(self) -> Mapping[str, str]:
        """What a call to another process carries, for its spans to be under the open one."""
        return {} if self.tracer is None else self.tracer.carry()

    def job_accepted(self, job_id: str) -> None:
        """A job was asked for within the open span: its attempts will be under it. Forgotten by a restart."""
        if self.tracer is None:
            return
        self._asked_in[job_id] = self.tracer.carry()
        if len(self._asked_in) > self._MOST_REMEMBERED:
            del self._asked_in[next(iter(self._asked_in))]

    def asked_in(self, job_id: str) -> Carried | None:
        """Where the job was asked for, if that is known."""
        return self._asked_in.get(job_id)


_NOTHING: Final = nullcontext()
_CLOSING_SECONDS: Final = 2.0
tracing: Final = Tracing()
"""This process's."""


class TracingError(Exception):
    """Tracing is configured and cannot be. Its text says what is missing."""


def start_tracing(endpoint: str, *, service: str, sample: float, is_edge: bool) -> None:
    """Send spans to an OTLP/HTTP collector from now on.

    `sample`: the part of traces that is kept. `is_edge`: strangers call, and theirs is not the choice.

    Raises:
        TracingError: the extra `tracing` is not installed.
    """
    try:
        from capyd.runtime.otlp import OtlpTracer  # noqa: PLC0415  (an extra, and half a second of imports)
    except ModuleNotFoundError as error:
        raise TracingError(
            f"tracing.endpoint is set, and {error.name} is not installed: pip install 'capyd[tracing]'"
        ) from error
    tracing.tracer = OtlpTracer(endpoint, service=service, sample=sample, is_edge=is_edge)


def stop_tracing() -> None:
    """Send what has not been sent, for a moment, and make no more spans."""
    if tracing.tracer is not None:
        tracing.tracer.close(grace_seconds=_CLOSING_SECONDS)
        tracing.tracer = None
