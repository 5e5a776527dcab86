"""The gateway's metrics."""

from collections.abc import Sequence

import grpc
from prometheus_client import Histogram

from capyd.client.channel import open_channel
from capyd.runtime.metrics import REQUEST_BUCKETS, by_labels, new_registry, serve_metrics
from capyd.runtime.observation import observed
from capyd_http.errors import ApiError
from capyd_http.health import check_daemon


async def serve_gateway_metrics(address: str, *, backend: str) -> None:
    """Count requests, and tell whoever asks at `address`, until cancelled.

    Raises:
        MetricsListenError: the address cannot be listened on.
    """
    registry = new_registry()
    requests = Histogram(
        "capyd_http_request_seconds",
        "Requests answered, by verb and route, and status.",
        ("route", "status"),
        buckets=REQUEST_BUCKETS,
        registry=registry,
    )
    observed.request = by_labels(requests)
    channel = open_channel(backend)
    try:
        await serve_metrics(address, registry, readiness=lambda: _readiness(channel))
    finally:
        await channel.close()


async def _readiness(channel: grpc.aio.Channel) -> Sequence[tuple[str, str]]:
    try:
        await check_daemon(channel)
    except ApiError as error:
        return [("daemon", error.message)]
    return []
