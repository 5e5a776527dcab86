"""Whose an audited call is: its organization and its project, deleted ones included."""

from dataclasses import dataclass

from capyd.sqlite.database import Reads


@dataclass(frozen=True, slots=True)
class Subject:
    """What a call is about; None where it is about none that the caller could know of."""

    organization_id: str | None
    project_id: str | None


async def find_subject(
    reads: Reads, *, organization_id: str | None, project_id: str | None, job_id: str | None, asked_for: str | None
) -> Subject:
    """The subject of a call by a principal of `organization_id` (None: of every organization).

    The project is `project_id`'s or else the job's, where that is within the organization. Without one, the
    organization is the principal's own, or the one that was asked for, if it exists.
    """
    row = None
    if project_id is not None or job_id is not None:
        row = await reads.fetch_one(
            """
            SELECT organization_id, id FROM projects
            WHERE id = coalesce(:project, (SELECT project_id FROM jobs WHERE id = :job))
              AND (:organization IS NULL OR organization_id = :organization)
            """,
            {"project": project_id, "job": job_id, "organization": organization_id},
        )
    if row is not None:
        return Subject(row["organization_id"], row["id"])
    if organization_id is None and asked_for is not None:
        known = await reads.fetch_one("SELECT id FROM organizations WHERE id = ?", (asked_for,))
        return Subject(None if known is None else known["id"], None)
    return Subject(organization_id, None)
