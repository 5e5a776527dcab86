"""The tracer that sends its spans to an OpenTelemetry collector. Needs the extra `tracing`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from capyd import __version__

_KINDS: Final = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT, "internal": SpanKind.INTERNAL}
_EXPORT_SECONDS: Final = 5


class OtlpTracer:
    """Spans are sent by a thread, in batches; those of a collector that is away are dropped."""

    def __init__(self, endpoint: str, *, service: str, sample: float, is_edge: bool) -> None:
        ratio = TraceIdRatioBased(sample)
        sampler = (
            ParentBased(ratio, remote_parent_sampled=ratio, remote_parent_not_sampled=ratio)
            if is_edge
            else ParentBased(ratio)
        )
        resource = Resource.create({"service.name": service, "service.version": __version__})
        self._provider = TracerProvider(sampler=sampler, resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=endpoint, timeout=_EXPORT_SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("capyd", __version__)
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def span(
        self, name: str, *, kind: str, parent: Mapping[str, str] | None, attributes: Mapping[str, str]
    ) -> Iterator[None]:
        """As `Tracer.span`. What is raised marks it as failed, without its text."""
        # Names of HTTP headers come in any case, and the propagator looks for one.
        headers = None if parent is None else {name.lower(): value for name, value in parent.items()}
        context = None if headers is None else self._propagator.extract(headers, Context())
        with self._tracer.start_as_current_span(
            name,
            context=context,
            kind=_KINDS[kind],
            attributes=dict(attributes),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except BaseException:
                span.set_status(Status(StatusCode.ERROR))
                raise

    def annotate(self, name: str, value: str | int) -> None:
        """As `Tracer.annotate`."""
        trace.get_current_span().set_attribute(name, value)

    def carry(self) -> dict[str, str]:
        """As `Tracer.carry`."""
        headers: dict[str, str] = {}
        self._propagator.inject(headers)
        return headers

    def close(self, *, grace_seconds: float) -> None:
        """As `Tracer.close`."""
        self._provider.force_flush(int(grace_seconds * 1000))
        self._provider.shutdown()
