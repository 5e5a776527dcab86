"""How much there is of everything, for metrics: counts over indexes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from capyd.sqlite.columns import to_micros
from capyd.sqlite.database import Database


@dataclass(frozen=True, slots=True)
class Depths:
    """Numbers of rows."""

    jobs: Mapping[tuple[str, str], int]
    """Jobs that are not final, by type and state."""
    oldest_due_seconds: float
    """How long the oldest pending job has been due. 0: none is."""
    to_retry: int
    """Pending jobs that have failed at least once."""
    projects: Mapping[str, int]
    """Projects that are not deleted, by state."""
    organizations: int
    outbox: int


async def read_depths(database: Database, *, now: datetime) -> Depths:
    """Count."""
    async with database.reading() as reads:
        jobs = await reads.fetch_all(
            "SELECT type, state, count(*) AS number FROM jobs WHERE state IN ('pending', 'running') GROUP BY 1, 2"
        )
        projects = await reads.fetch_all(
            "SELECT state, count(*) AS number FROM projects WHERE deleted_at IS NULL GROUP BY state"
        )
        row = await reads.fetch_one(
            """
            SELECT
              (SELECT min(run_after) FROM jobs WHERE state = 'pending' AND held = 0) AS oldest,
              (SELECT count(*) FROM jobs WHERE state = 'pending' AND retry_classification IS NOT NULL) AS to_retry,
              (SELECT count(*) FROM organizations) AS organizations,
              (SELECT count(*) FROM outbox) AS outbox
            """
        )
    assert row is not None  # noqa: S101  (a SELECT without FROM has one row)
    late = 0.0 if row["oldest"] is None else (to_micros(now) - row["oldest"]) / 1_000_000
    return Depths(
        jobs={(it["type"], it["state"]): it["number"] for it in jobs},
        oldest_due_seconds=max(late, 0.0),
        to_retry=row["to_retry"],
        projects={it["state"]: it["number"] for it in projects},
        organizations=row["organizations"],
        outbox=row["outbox"],
    )
