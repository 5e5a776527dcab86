"""A job: something slow that was accepted, and will be done whatever dies in between."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class JobState(StrEnum):
    """Where a job is in its life."""

    PENDING = "pending"
    """The runner makes it `running`, when it is due and nothing of its resource runs before it."""
    RUNNING = "running"
    """The executor makes it `completed`, `failed`, or `pending` again; a new daemon start, `pending`."""
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        """Nothing moves it any more."""
        return self in (JobState.COMPLETED, JobState.FAILED)


PROVISION: Final = "project.provision"
DELETE: Final = "project.delete"
APPLY_SETTINGS: Final = "project.apply_settings"
EXTENSION_ENABLE: Final = "project.extension_enable"
EXTENSION_DISABLE: Final = "project.extension_disable"
EXTENSION_UPDATE: Final = "project.extension_update"
ROTATE_CREDENTIALS: Final = "project.rotate_credentials"
EXPIRE_CREDENTIAL: Final = "project.expire_credential"


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job about to be accepted."""

    id: str
    type: str
    project_id: str
    organization_id: str
    max_attempts: int
    arguments: dict[str, str]
    """What the job type needs beyond the project, such as an extension's name."""

    @property
    def locked_resource(self) -> str:
        """Jobs that name the same resource run one at a time, in the order of acceptance."""
        return f"project:{self.project_id}"


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the state has it."""

    id: str
    type: str
    state: JobState
    project_id: str
    organization_id: str
    arguments: dict[str, str]
    attempts: int
    max_attempts: int
    claimed_by: str | None
    claimed_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    created_at: datetime
    updated_at: datetime
    error: str | None
    last_exit_code: int | None
    last_stdout: str | None
    last_stderr: str | None
    locked_resource: str
    retry_classification: str | None
    cancelled_by: str | None
    """Who wants it cancelled. A running job ends before its next step."""
