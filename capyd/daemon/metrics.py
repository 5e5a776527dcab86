"""The daemon's metrics: what is told as it happens, and what is looked up when somebody asks."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.metrics_core import GaugeMetricFamily, InfoMetricFamily, Metric

from capyd import __version__
from capyd.config import Settings
from capyd.daemon.engine import Engine
from capyd.daemon.faces import Faces
from capyd.daemon.usage_metrics import UsageLookup
from capyd.domain.failures import StepError
from capyd.provisioning.spares import SpareStatus
from capyd.runtime.clock import Clock
from capyd.runtime.metrics import JOB_BUCKETS, REQUEST_BUCKETS, by_labels, new_registry, serve_metrics
from capyd.runtime.observation import observed
from capyd.sqlite.database import Database
from capyd.sqlite.depths import read_depths


async def serve_daemon_metrics(
    settings: Settings, address: str, engine: Engine, faces: Faces, *, database: Database, clock: Clock
) -> None:
    """Count, and tell whoever asks at `address`, until cancelled.

    Raises:
        MetricsListenError: the address cannot be listened on.
    """
    registry = new_registry()
    observe_all(registry)
    lookup = Lookup(settings, engine, database, clock)

    async def readiness() -> Sequence[tuple[str, str]]:
        health = await faces.cluster.health()
        return [(part.name, part.message) for part in health.components if part.health != "operational"]

    usage = UsageLookup(engine, database, most=settings.metrics.projects)
    looks = (lookup.state, lookup.cluster, lookup.pooler, usage.projects)
    await serve_metrics(address, registry, looks=looks, readiness=readiness)


def observe_all(registry: CollectorRegistry) -> None:
    """Have everything that happens counted in `registry`."""

    def histogram(name: str, says: str, labels: tuple[str, ...], buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, says, labels, buckets=buckets, registry=registry)

    request = histogram(
        "capyd_rpc_seconds", "Calls answered, by gRPC method and code.", ("method", "code"), REQUEST_BUCKETS
    )
    attempt = histogram(
        "capyd_job_attempt_seconds", "Runs of jobs, by type and outcome.", ("type", "outcome"), JOB_BUCKETS
    )
    step = histogram(
        "capyd_job_step_seconds", "Steps of jobs, by type, name and verdict.", ("type", "step", "verdict"), JOB_BUCKETS
    )
    commit = histogram("capyd_state_commit_seconds", "Commits of the state file.", (), REQUEST_BUCKETS)

    observed.request = by_labels(request)
    observed.attempt = by_labels(attempt)
    observed.step = by_labels(step)
    observed.commit = commit.observe


@dataclass(frozen=True, slots=True)
class Lookup:
    """What is looked up at each scrape. A server that is away leaves its series out, and its `up` at 0."""

    settings: Settings
    engine: Engine
    database: Database
    clock: Clock

    async def state(self) -> Iterable[Metric]:
        """Jobs, projects, what waits for the ledger, and the state file itself."""
        depths = await read_depths(self.database, now=self.clock())
        jobs = GaugeMetricFamily("capyd_jobs", "Jobs that are not final.", labels=("type", "state"))
        for (job_type, state), number in depths.jobs.items():
            jobs.add_metric((job_type, state), number)
        projects = GaugeMetricFamily("capyd_projects", "Projects that are not deleted.", labels=("state",))
        for state, number in depths.projects.items():
            projects.add_metric((state,), number)
        files = GaugeMetricFamily("capyd_state_file_bytes", "Size of the state's files.", labels=("file",))
        path = self.settings.state.path
        for name, file in (("main", path), ("wal", Path(f"{path}-wal"))):
            if file.exists():
                files.add_metric((name,), file.stat().st_size)
        return (
            jobs,
            projects,
            files,
            GaugeMetricFamily(
                "capyd_jobs_oldest_due_seconds",
                "How long the oldest pending job has been due; 0 when none is.",
                value=depths.oldest_due_seconds,
            ),
            GaugeMetricFamily(
                "capyd_jobs_to_retry", "Pending jobs that have failed at least once.", value=depths.to_retry
            ),
            GaugeMetricFamily("capyd_organizations", "Organizations.", value=depths.organizations),
            GaugeMetricFamily("capyd_ledger_outbox", "Changes the ledger must still learn of.", value=depths.outbox),
        )

    async def cluster(self) -> Iterable[Metric]:
        """PostgreSQL and the spares."""
        metrics: list[Metric] = [
            InfoMetricFamily(
                "capyd", "This daemon.", value={"version": __version__, "cluster_id": self.settings.cluster.id}
            ),
            GaugeMetricFamily("capyd_spares_target", "Spares to be kept ready.", value=self.engine.spares.target),
            GaugeMetricFamily(
                "capyd_spares_claims_per_minute",
                "Spares asked for in the last minute.",
                value=self.engine.spares.demand.claims_per_minute(),
            ),
        ]
        spares: SpareStatus | None = None
        started = time.perf_counter()
        if self.engine.cluster.trouble is None:
            try:
                spares = await self.engine.spares.status()
            except StepError as error:
                self.engine.cluster.report_lost(error.summary)
        metrics.append(
            GaugeMetricFamily("capyd_postgres_up", "PostgreSQL answers the daemon.", value=float(spares is not None))
        )
        if spares is not None:
            seconds = time.perf_counter() - started
            metrics += [
                GaugeMetricFamily("capyd_spares", "Spares that are ready.", value=spares.ready),
                GaugeMetricFamily("capyd_spares_building", "Databases that are being built.", value=spares.building),
                GaugeMetricFamily("capyd_postgres_answer_seconds", "How long one query took just now.", value=seconds),
            ]
        return metrics

    async def pooler(self) -> Iterable[Metric]:
        """PgBouncer, all pools together."""
        up = GaugeMetricFamily("capyd_pooler_up", "PgBouncer's console answers the daemon.", value=0)
        try:
            load = await self.engine.pooler.load()
        except StepError:
            return (up,)
        connections = GaugeMetricFamily(
            "capyd_pooler_connections", "Connections of all pools together.", labels=("side", "state")
        )
        for (side, state), number in load.connections.items():
            connections.add_metric((side, state), number)
        return (
            GaugeMetricFamily("capyd_pooler_up", "PgBouncer's console answers the daemon.", value=1),
            connections,
            GaugeMetricFamily(
                "capyd_pooler_longest_wait_seconds",
                "How long the client that waits longest has waited for a server connection.",
                value=load.longest_wait_seconds,
            ),
            GaugeMetricFamily("capyd_pooler_databases", "Entries.", value=load.databases),
        )
