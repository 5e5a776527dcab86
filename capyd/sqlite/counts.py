"""How much a state file holds."""

from dataclasses import dataclass

from capyd.sqlite.database import Reads


@dataclass(frozen=True, slots=True)
class Counts:
    """Organizations, live projects, and keys, revoked ones included."""

    organizations: int
    projects: int
    api_keys: int


async def count_objects(reads: Reads) -> Counts:
    """Count them."""
    row = await reads.fetch_one(
        """
        SELECT (SELECT count(*) FROM organizations) AS organizations,
          (SELECT count(*) FROM projects WHERE deleted_at IS NULL) AS projects,
          (SELECT count(*) FROM api_keys) AS api_keys
        """
    )
    return Counts(0, 0, 0) if row is None else Counts(row["organizations"], row["projects"], row["api_keys"])
