"""How much of the cluster each project takes."""

from collections.abc import Sequence
from dataclasses import dataclass

from capyd.postgres.connections import AdminConnections
from capyd.postgres.errors import translated


@dataclass(frozen=True, slots=True)
class ProjectUsage:
    """One project's, just now."""

    project_id: str
    size_bytes: int
    connections: int
    """Sessions of its database, idle ones and the pooler's included."""


async def list_connections(connections: AdminConnections) -> dict[str, int]:
    """Sessions by project: counters that the server keeps anyway.

    Raises:
        StepError: as the cluster says.
    """
    with translated("count the projects' sessions"):
        async with connections.ledger() as ledger:
            cursor = await ledger.execute(
                """
                SELECT t.project_id, s.numbackends
                FROM capyd.tenants AS t JOIN pg_catalog.pg_stat_database AS s ON s.datid = t.database_oid
                WHERE t.state = 'claimed'
                """
            )
            return {project_id: int(number) async for project_id, number in cursor}


async def list_activity(connections: AdminConnections) -> dict[str, int]:
    """Transactions by project, since the counters were last reset: where the number is another, something was done.

    Raises:
        StepError: as the cluster says.
    """
    with translated("tell which projects are busy"):
        async with connections.ledger() as ledger:
            cursor = await ledger.execute(
                """
                SELECT t.project_id, s.xact_commit + s.xact_rollback
                FROM capyd.tenants AS t JOIN pg_catalog.pg_stat_database AS s ON s.datid = t.database_oid
                WHERE t.state = 'claimed'
                """
            )
            return {project_id: int(number) async for project_id, number in cursor}


async def measure_sizes(connections: AdminConnections, project_ids: Sequence[str]) -> dict[str, int]:
    """Bytes on disk of these projects' databases, of those that are there.

    Raises:
        StepError: as the cluster says.
    """
    with translated("measure the projects' databases"):
        async with connections.ledger() as ledger:
            cursor = await ledger.execute(
                """
                SELECT t.project_id, pg_catalog.pg_database_size(d.oid)
                FROM capyd.tenants AS t JOIN pg_catalog.pg_database AS d ON d.oid = t.database_oid
                WHERE t.project_id = ANY (%s) AND t.state = 'claimed'
                """,
                [list(project_ids)],
            )
            return {project_id: int(size) async for project_id, size in cursor}


def largest(sizes: dict[str, int], connections: dict[str, int], *, number: int) -> Sequence[ProjectUsage]:
    """The `number` projects that matter most: half of them by size, the rest by sessions."""
    by_size = sorted(sizes, key=lambda project_id: (-sizes[project_id], project_id))
    by_sessions = sorted(connections, key=lambda project_id: (-connections[project_id], project_id))
    chosen = dict.fromkeys([*by_size[: (number + 1) // 2], *by_sessions])
    return [
        ProjectUsage(project_id, sizes.get(project_id, 0), connections.get(project_id, 0))
        for project_id in list(chosen)[:number]
    ]
