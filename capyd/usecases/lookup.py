"""Finds what a principal asks for, and nothing that it may not know of."""

from typing import Final

from capyd.domain.errors import InvalidError, NotFoundError
from capyd.domain.jobs import Job
from capyd.domain.principals import Principal
from capyd.domain.projects import Project
from capyd.sqlite.database import Reads
from capyd.sqlite.jobs import find_job
from capyd.sqlite.projects import find_project

# An id that cannot be one is answered without a look, and never echoed at length.
_LONGEST_ID: Final = 100


async def get_project(reads: Reads, principal: Principal, project_id: str) -> Project:
    """The live project with this id.

    Raises:
        NotFoundError: not there, or not the principal's.
    """
    project = None
    if principal.project_id in (None, project_id):
        project = await find_project(reads, project_id, organization_id=principal.organization_id)
    if project is None:
        raise NotFoundError(f"there is no project {_shown(project_id)}")
    return project


async def get_job(reads: Reads, principal: Principal, job_id: str) -> Job:
    """The job with this id; those of deleted projects too.

    Raises:
        NotFoundError: not there, or not the principal's.
    """
    job = await find_job(reads, job_id, organization_id=principal.organization_id)
    if job is None or principal.project_id not in (None, job.project_id):
        raise NotFoundError(f"there is no job {_shown(job_id)}")
    return job


def own_organization_id(principal: Principal, asked_for: str) -> str:
    """The id itself.

    Raises:
        NotFoundError: it is another organization's than the principal's.
    """
    if principal.organization_id not in (None, asked_for):
        raise no_organization(asked_for)
    return asked_for


def acting_organization_id(principal: Principal, asked_for: str | None) -> str:
    """The organization that a creation is for: the principal's own, or the one that an administrator names.

    Raises:
        InvalidError: an administrator named none.
        NotFoundError: another organization's than the principal's.
    """
    if principal.organization_id is None:
        if not asked_for:
            raise InvalidError(
                "organization_id is required of a platform administrator, who belongs to none", field="organization_id"
            )
        return asked_for
    return own_organization_id(principal, asked_for or principal.organization_id)


def no_organization(organization_id: str) -> NotFoundError:
    """The refusal for an organization that is not there, or is not the caller's."""
    return NotFoundError(f"there is no organization {_shown(organization_id)}")


def _shown(given_id: str) -> str:
    return given_id if len(given_id) <= _LONGEST_ID and given_id.isprintable() else "with such an id"
