"""The tables of measured sizes: the newest of each project, and the history."""

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime

from capyd.domain.storage import Measurement
from capyd.sqlite.columns import from_micros, to_micros
from capyd.sqlite.database import Reads, Transaction


async def put_measurement(tx: Transaction, measurement: Measurement) -> None:
    """Keep it as the newest, and in the history where it differs from the one before, or is the first of its hour."""
    values = {
        "project": measurement.project_id,
        "bytes": measurement.size_bytes,
        "at": to_micros(measurement.measured_at),
        "level": measurement.level,
    }
    await tx.execute(
        """
        INSERT INTO storage_history (project_id, measured_at, size_bytes)
        SELECT :project, :at, :bytes
        WHERE NOT EXISTS (
          SELECT 1 FROM storage_history
          WHERE project_id = :project AND size_bytes = :bytes AND measured_at > :at - 3600000000
        )
        """,
        values,
    )
    await tx.execute(
        """
        INSERT INTO storage (project_id, measured_at, size_bytes, level) VALUES (:project, :at, :bytes, :level)
        ON CONFLICT (project_id) DO UPDATE SET measured_at = excluded.measured_at, size_bytes = excluded.size_bytes,
          level = excluded.level
        """,
        values,
    )


async def list_measurements(reads: Reads, project_ids: Sequence[str] | None = None) -> dict[str, Measurement]:
    """The newest of each project, or of these."""
    rows = await reads.fetch_all(
        "SELECT * FROM storage WHERE :ids IS NULL OR project_id IN (SELECT value FROM json_each(:ids))",
        {"ids": None if project_ids is None else json.dumps(project_ids)},
    )
    return {row["project_id"]: _from_row(row) for row in rows}


async def delete_old_measurements(tx: Transaction, *, before: datetime, limit: int) -> int:
    """Forget the history before a moment, and all of projects that are deleted; returns how many rows that were."""
    await tx.execute("DELETE FROM storage WHERE project_id IN (SELECT id FROM projects WHERE deleted_at IS NOT NULL)")
    return await tx.execute(
        """
        DELETE FROM storage_history WHERE (project_id, measured_at) IN (
          SELECT project_id, measured_at FROM storage_history WHERE measured_at < ? LIMIT ?
        )
        """,
        (to_micros(before), limit),
    )


def _from_row(row: sqlite3.Row) -> Measurement:
    return Measurement(row["project_id"], row["size_bytes"], from_micros(row["measured_at"]), row["level"])
