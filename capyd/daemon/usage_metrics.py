"""Size and sessions of projects, for a number of series that does not grow with theirs."""

from collections.abc import Iterable

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from capyd.daemon.engine import Engine
from capyd.domain.failures import StepError
from capyd.postgres.usage import largest, list_connections
from capyd.sqlite.database import Database
from capyd.sqlite.storage import list_measurements


class UsageLookup:
    """Looks sessions up at each scrape; sizes are as they were last measured."""

    def __init__(self, engine: Engine, database: Database, *, most: int) -> None:
        """`most`: how many projects have series of their own. 0: nothing is looked up."""
        self._engine = engine
        self._most = most
        self._database = database

    async def projects(self) -> Iterable[Metric]:
        """The largest and the busiest, and the sum over all."""
        if not self._most or self._engine.cluster.trouble is not None:
            return ()
        try:
            connections = await list_connections(self._engine.connections)
        except StepError:
            return ()
        async with self._database.reading() as reads:
            sizes = {each.project_id: each.size_bytes for each in (await list_measurements(reads)).values()}
        size = GaugeMetricFamily(
            "capyd_project_size_bytes", "Size on disk of the largest and the busiest projects.", labels=("project",)
        )
        sessions = GaugeMetricFamily(
            "capyd_project_connections", "Sessions of the largest and the busiest projects.", labels=("project",)
        )
        for usage in largest(sizes, connections, number=self._most):
            size.add_metric((usage.project_id,), usage.size_bytes)
            sessions.add_metric((usage.project_id,), usage.connections)
        return (
            size,
            sessions,
            GaugeMetricFamily("capyd_projects_size_bytes", "Size on disk of all projects.", value=sum(sizes.values())),
            GaugeMetricFamily(
                "capyd_projects_connections", "Sessions of all projects.", value=sum(connections.values())
            ),
        )
