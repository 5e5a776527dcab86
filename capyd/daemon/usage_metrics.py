"""Size and sessions of projects, for a number of series that does not grow with theirs."""

import time
from collections.abc import Iterable

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from capyd.daemon.composition import Engine
from capyd.domain.failures import StepError
from capyd.postgres.usage import largest, list_connections, list_sizes

# Sessions come and go; a size takes half a millisecond to tell, and a scrape comes every few seconds.
_SIZES_HOLD_SECONDS = 300.0


class UsageLookup:
    """Looks sessions up at each scrape, and sizes at one every five minutes."""

    def __init__(self, engine: Engine, *, most: int) -> None:
        """`most`: how many projects have series of their own. 0: nothing is looked up."""
        self._engine = engine
        self._most = most
        self._sizes: dict[str, int] = {}
        self._measured_at: float | None = None

    async def projects(self) -> Iterable[Metric]:
        """The largest and the busiest, and the sum over all."""
        if not self._most or self._engine.cluster.trouble is not None:
            return ()
        try:
            connections = await list_connections(self._engine.connections)
            await self._measure()
        except StepError:
            return ()
        size = GaugeMetricFamily(
            "capyd_project_size_bytes", "Size on disk of the largest and the busiest projects.", labels=("project",)
        )
        sessions = GaugeMetricFamily(
            "capyd_project_connections", "Sessions of the largest and the busiest projects.", labels=("project",)
        )
        for usage in largest(self._sizes, connections, number=self._most):
            size.add_metric((usage.project_id,), usage.size_bytes)
            sessions.add_metric((usage.project_id,), usage.connections)
        return (
            size,
            sessions,
            GaugeMetricFamily(
                "capyd_projects_size_bytes", "Size on disk of all projects.", value=sum(self._sizes.values())
            ),
            GaugeMetricFamily(
                "capyd_projects_connections", "Sessions of all projects.", value=sum(connections.values())
            ),
        )

    async def _measure(self) -> None:
        now = time.monotonic()
        if self._measured_at is None or now - self._measured_at >= _SIZES_HOLD_SECONDS:
            self._sizes = await list_sizes(self._engine.connections)
            self._measured_at = now
