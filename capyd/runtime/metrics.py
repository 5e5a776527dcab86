"""The listener for Prometheus, and for whoever asks whether this process is well. Imported where one is configured.

What happens often is counted where it happens (`observation`); what merely is (depths, ages, sizes) is looked up when
somebody asks.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry, Histogram, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import Metric

from capyd.runtime.loop_lag import watch_loop_lag
from capyd.runtime.observation import MetricsListenError

REQUEST_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
JOB_BUCKETS: Final = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)

Look = Callable[[], Awaitable[Iterable[Metric]]]
"""Looks something up for one answer."""
Readiness = Callable[[], Awaitable[Sequence[tuple[str, str]]]]
"""What is not ready, and why: name and sentence; empty when everything is."""


def new_registry() -> CollectorRegistry:
    """An empty registry, with what the process itself is."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return registry


def by_labels(histogram: Histogram) -> Callable[..., None]:
    """Takes the labels' values and then the seconds, without a search for their series at each call."""
    series: dict[tuple[str, ...], Callable[[float], None]] = {}

    def observe(*values: str | float) -> None:
        *labels, seconds = values
        key = tuple(str(label) for label in labels)
        found = series.get(key)
        if found is None:
            found = series[key] = histogram.labels(*key).observe
        found(float(seconds))

    return observe


async def serve_metrics(
    address: str, registry: CollectorRegistry, *, looks: Sequence[Look] = (), readiness: Readiness
) -> None:
    """Measure the event loop, and serve on `host:port`, until cancelled.

    Raises:
        MetricsListenError: the address cannot be listened on.
    """
    lag = Histogram(
        "capyd_event_loop_lag_seconds",
        "How late a timer of the event loop fired.",
        buckets=REQUEST_BUCKETS,
        registry=registry,
    )
    async with metrics_listener(address, registry, looks=looks, readiness=readiness):
        await watch_loop_lag(lag.observe)


class _Looked:
    """What was looked up, as the client library wants it."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


@asynccontextmanager
async def metrics_listener(
    address: str, registry: CollectorRegistry, *, looks: Sequence[Look] = (), readiness: Readiness
) -> AsyncIterator[int]:
    """Serve `/metrics`, `/healthz` and `/readyz` on `host:port` while the block runs; its value is the port.

    Raises:
        MetricsListenError: the address cannot be listened on.
    """

    async def answer(request: web.BaseRequest) -> web.Response:
        match request.path:
            case "/metrics":
                metrics = [metric for look in looks for metric in await look()]
                text = generate_latest(registry) + generate_latest(_Looked(metrics))
                return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})
            case "/healthz":
                return _json(200, {"status": "ok"})
            case "/readyz":
                missing = [{"name": name, "message": message} for name, message in await readiness()]
                if missing:
                    return _json(503, {"status": "not ready", "not_ready": missing})
                return _json(200, {"status": "ok", "not_ready": []})
        return _json(404, {"error": "there is nothing here but /metrics, /healthz and /readyz"})

    host, _, port = address.rpartition(":")
    async with AsyncExitStack() as stack:
        runner = web.ServerRunner(web.Server(answer, access_log=None))
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        try:
            await web.TCPSite(runner, host.strip("[]"), int(port)).start()
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
            raise MetricsListenError(f"cannot listen for metrics on {address}: {reason}") from error
        yield int(runner.addresses[0][1])


def _json(status: int, value: object) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(value), content_type="application/json")
