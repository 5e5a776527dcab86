"""Measures databases, a few at a time: the busy ones and those near their limit more often than the others."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from capyd.domain.events import STORAGE_ALERTS, NewEvent
from capyd.domain.failures import TransientError, UnreachableError
from capyd.domain.projects import Project, ProjectState
from capyd.domain.storage import Measurement, measuring_interval, next_level
from capyd.postgres.connections import AdminConnections
from capyd.postgres.usage import list_activity, measure_sizes
from capyd.provisioning.cluster import ClusterWatch
from capyd.runtime.clock import Clock
from capyd.runtime.logs import get_logger
from capyd.sqlite.database import Database
from capyd.sqlite.events import insert_event
from capyd.sqlite.projects import list_live_projects
from capyd.sqlite.storage import delete_old_measurements, list_measurements, put_measurement

logger = get_logger(__name__)

_BATCH = 10
_BUDGET_SECONDS = 0.05
_HISTORY = timedelta(days=90)
_PRUNED_AT_ONCE = 10_000


class StorageMeter:
    """Keeps each project's size. A pass stops when its budget of time is spent: the rest has its turn in the next."""

    def __init__(
        self, *, database: Database, connections: AdminConnections, cluster: ClusterWatch, clock: Clock
    ) -> None:
        self._database = database
        self._connections = connections
        self._cluster = cluster
        self._clock = clock
        self._transactions: dict[str, int] = {}
        """How many each project's database had seen when it was measured."""

    async def measure(self) -> int:
        """Measure what is due, the longest overdue first, within the budget; returns how many that were."""
        if self._cluster.trouble is not None:
            return 0
        try:
            return await self._measure()
        except UnreachableError as error:
            self._cluster.report_lost(error.summary)
        except TransientError as error:
            # A cluster that is out of something. The next pass tries again; to end the daemon would help nobody.
            logger.warning("storage.could_not_measure", reason=error.summary)
        return 0

    async def prune(self) -> None:
        """Forget what is older than 90 days."""
        async with self._database.transaction() as tx:
            await delete_old_measurements(tx, before=self._clock() - _HISTORY, limit=_PRUNED_AT_ONCE)

    async def _measure(self) -> int:
        activity = await list_activity(self._connections)
        async with self._database.reading() as reads:
            projects = {
                project.id: project
                for project in await list_live_projects(reads)
                if project.state is ProjectState.READY and project.id in activity
            }
            known = await list_measurements(reads)
        due = self._due(projects, known, activity, now=self._clock())
        started, measured = time.monotonic(), 0
        for first in range(0, len(due), _BATCH):
            batch = due[first : first + _BATCH]
            sizes = await measure_sizes(self._connections, batch)
            await self._keep([(projects[each], size) for each, size in sizes.items()], known)
            self._transactions |= {each: activity[each] for each in batch}
            measured += len(batch)
            if time.monotonic() - started > _BUDGET_SECONDS:
                break
        return measured

    def _due(
        self,
        projects: Mapping[str, Project],
        known: Mapping[str, Measurement],
        activity: Mapping[str, int],
        *,
        now: datetime,
    ) -> list[str]:
        """The ids of those whose size no longer holds, the longest overdue first; never measured ones before all."""
        due: list[tuple[datetime | None, str]] = []
        for project in projects.values():
            last = known.get(project.id)
            if last is None:
                due.append((None, project.id))
                continue
            interval = measuring_interval(
                last.size_bytes,
                project.storage_limit_bytes,
                is_busy=self._transactions.get(project.id) != activity[project.id],
            )
            if last.measured_at + interval <= now:
                due.append((last.measured_at + interval, project.id))
        due.sort(key=lambda entry: (entry[0] is not None, entry[0] or now))
        return [project_id for _, project_id in due]

    async def _keep(self, sizes: Sequence[tuple[Project, int]], known: Mapping[str, Measurement]) -> None:
        now = self._clock()
        async with self._database.transaction() as tx:
            for project, size in sizes:
                before = known[project.id].level if project.id in known else 0
                level = next_level(size, project.storage_limit_bytes, before)
                await put_measurement(tx, Measurement(project.id, size, now, level))
                if level > before:
                    await insert_event(tx, _alert(project, size, level), now=now)


def _alert(project: Project, size_bytes: int, level: int) -> NewEvent:
    share = size_bytes * 100 // project.storage_limit_bytes
    return NewEvent(
        STORAGE_ALERTS[level],
        organization_id=project.organization_id,
        project_id=project.id,
        message=f"project {project.slug} uses {share} % of its storage",
        details={
            "storage_bytes": size_bytes,
            "storage_limit_bytes": project.storage_limit_bytes,
            "level_percent": level,
        },
    )
