"""A project: one logical database with its role, limits and pooler entry."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypeVar

from capyd.domain.durations import format_duration
from capyd.domain.errors import ConflictError, InvalidError
from capyd.domain.plans import Plan
from capyd.domain.tenants import TenantLimits


class ProjectState(StrEnum):
    """Where a project is in its life. Each state says who moves it on."""

    PROVISIONING = "provisioning"
    """`project.provision` makes it `ready` or `failed`."""
    READY = "ready"
    DELETING = "deleting"
    """`project.delete` makes it `deleted`."""
    FAILED = "failed"
    """A person does: retry-provisioning, or delete."""
    DELETED = "deleted"
    """A tombstone: 404 to everybody."""


ENVIRONMENTS: Final = ("production", "non_production")

_Limit = TypeVar("_Limit", int, timedelta)

# PostgreSQL counts a timeout in milliseconds, and 0 would mean none.
_SHORTEST_TIMEOUT = timedelta(milliseconds=100)


@dataclass(frozen=True, slots=True)
class Project:
    """One project as the state has it: the desired values, whatever is still to be applied."""

    id: str
    organization_id: str
    name: str
    slug: str
    environment: str
    plan: str
    state: ProjectState
    is_rotating: bool
    """Its credentials are being rotated. Everything that may be done to a ready project may be done meanwhile."""
    always_on: bool
    last_error: str | None
    latest_job_id: str
    database_name: str | None
    role_name: str | None
    sealed_password: bytes | None
    max_connections: int
    statement_timeout: timedelta
    idle_transaction_timeout: timedelta
    storage_limit_bytes: int
    created_at: datetime
    updated_at: datetime
    is_suspended: bool = False
    """Its organization is."""

    @property
    def shown_state(self) -> str:
        """The state as clients are told it."""
        return "rotating_credentials" if self.is_rotating and self.state is ProjectState.READY else self.state.value

    @property
    def limits(self) -> TenantLimits:
        """What its tenant may use."""
        return TenantLimits(
            self.max_connections,
            self.statement_timeout,
            self.idle_transaction_timeout,
            is_shut=self.is_suspended,
        )


def follow_plan(project: Project, former: Plan | None, plan: Plan) -> Project:
    """The project under another plan.

    What it had from the former plan it has from the new one. What was set for it stays where the new plan allows it,
    and is cut to it where not. A former plan that is unknown set nothing.
    """

    def under(present: _Limit, before: _Limit, ceiling: _Limit) -> _Limit:
        return ceiling if present == before else min(present, ceiling)

    was = former or plan
    return replace(
        project,
        plan=plan.name,
        max_connections=under(project.max_connections, was.max_connections, plan.max_connections),
        statement_timeout=under(project.statement_timeout, was.statement_timeout, plan.statement_timeout),
        idle_transaction_timeout=under(
            project.idle_transaction_timeout, was.idle_transaction_timeout, plan.idle_transaction_timeout
        ),
        storage_limit_bytes=under(project.storage_limit_bytes, was.storage_limit_bytes, plan.storage_limit_bytes),
    )


def check_environment(environment: str) -> str:
    """The environment itself.

    Raises:
        InvalidError: there is no such environment.
    """
    if environment not in ENVIRONMENTS:
        raise InvalidError(f"environment must be one of {', '.join(ENVIRONMENTS)}", field="environment")
    return environment


def check_max_connections(wanted: int, plan: Plan) -> int:
    """The number itself.

    Raises:
        InvalidError: below 1.
        ConflictError: beyond the plan.
    """
    if wanted < 1:
        raise InvalidError("max_connections must be at least 1", field="max_connections")
    if wanted > plan.max_connections:
        raise ConflictError(
            f"max_connections {wanted} is beyond the plan {plan.name}, which has {plan.max_connections}",
            code="beyond_plan",
            field="max_connections",
        )
    return wanted


def check_timeout(wanted: timedelta, ceiling: timedelta, *, plan: Plan, field: str) -> timedelta:
    """The timeout itself.

    Raises:
        InvalidError: below 100 ms (0 would mean none).
        ConflictError: beyond the plan.
    """
    if wanted < _SHORTEST_TIMEOUT:
        raise InvalidError(f"{field} must be at least {format_duration(_SHORTEST_TIMEOUT)}", field=field)
    if wanted > ceiling:
        raise ConflictError(
            f"{field} {format_duration(wanted)} is beyond the plan {plan.name}, which has {format_duration(ceiling)}",
            code="beyond_plan",
            field=field,
        )
    return wanted
