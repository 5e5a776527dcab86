"""Events: what has happened on this cluster, in the order in which it was committed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from capyd.domain.storage import CRITICAL, FULL, WARNING

STREAM_STARTED: Final = "stream.started"
ORGANIZATION_CREATED: Final = "organization.created"
ORGANIZATION_CHANGED: Final = "organization.changed"
ORGANIZATION_SUSPENDED: Final = "organization.suspended"
ORGANIZATION_RELEASED: Final = "organization.released"
PROJECT_CREATED: Final = "project.created"
PROJECT_STATE_CHANGED: Final = "project.state_changed"
PROJECT_SETTINGS_CHANGED: Final = "project.settings_changed"
PROJECT_DELETED: Final = "project.deleted"
API_KEY_CREATED: Final = "api_key.created"
API_KEY_REVOKED: Final = "api_key.revoked"
JOB_ACCEPTED: Final = "job.accepted"
JOB_STARTED: Final = "job.started"
JOB_WAITING: Final = "job.waiting"
JOB_RETRYING: Final = "job.retrying"
JOB_REQUEUED: Final = "job.requeued"
JOB_COMPLETED: Final = "job.completed"
JOB_FAILED: Final = "job.failed"
CLUSTER_REPAIRED: Final = "cluster.repaired"
"""Something was not as the state desires, and the daemon has mended it by itself."""
ALERT_PREFIX: Final = "alert."
"""What the daemon itself has noticed and somebody should look at: `alert.storage_full` and the like."""
FINDING: Final = "alert.finding"
"""Something is not as the state desires, and was not mended: what `capyd doctor` prints."""
AUDIT_TRAIL_ALTERED: Final = "alert.audit_trail_altered"
"""The audit trail does not have what the ledger in the cluster noted of it."""

STORAGE_ALERTS: Final = {
    WARNING: "alert.storage_warning",
    CRITICAL: "alert.storage_critical",
    FULL: "alert.storage_full",
}
"""A project's database has reached so many per cent of its storage. Told once, until it has fallen below again."""
SESSION_CANCELLED: Final = "alert.session_cancelled"
"""A statement ran beyond its project's timeout, which its tenant had lifted, and was cancelled."""
SESSION_ENDED: Final = "alert.session_ended"
"""A session was ended: its statement did not heed the cancel, or it was idle in a transaction for too long."""
LOCK_TABLE_FULL: Final = "alert.lock_table_full"
"""Nobody can log in to the cluster any more, and the daemon could not end the session that holds most locks."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event about to be written. Those of objects are written by the state file itself, and need none of this."""

    type: str
    organization_id: str | None = None
    project_id: str | None = None
    job_id: str | None = None
    message: str = ""
    """One sentence, for people. Nothing secret."""
    details: Mapping[str, str | int] = field(default_factory=dict)
    """For programs. Nothing secret."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event as the state has it."""

    sequence: int
    """One more than that of the event before, within one stream: none is ever missing."""
    id: str
    type: str
    organization_id: str | None
    project_id: str | None
    job_id: str | None
    revision: int | None
    """Of the object that it is about, as the change left it."""
    message: str
    details: Mapping[str, str | int]
    occurred_at: datetime
