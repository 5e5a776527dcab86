"""Says what a comparison found and mended, to whoever follows the events and reads the audit trail."""

from collections.abc import Sequence
from typing import Final

from capyd.domain.audit import NewAuditEvent
from capyd.domain.errors import UnavailableError
from capyd.domain.events import CLUSTER_REPAIRED, FINDING, NewEvent
from capyd.domain.findings import Finding
from capyd.runtime.clock import Clock
from capyd.runtime.logs import get_logger
from capyd.sqlite.audit import insert_audit_event
from capyd.sqlite.audit_subjects import find_subject
from capyd.sqlite.database import Database, Transaction
from capyd.sqlite.events import insert_event

logger = get_logger(__name__)

_AT_ONCE: Final = 100
"""What is off a thousand times over is off for one reason; `capyd doctor` has it whole."""


class ReconcileRecord:
    """Writes an event a finding, and an audit event for each that was mended without anybody's having asked."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def write(self, findings: Sequence[Finding]) -> None:
        """Write those that are new, in one transaction; a state file that cannot be written goes without."""
        if not findings:
            return
        try:
            async with self._database.transaction() as tx:
                for finding in findings[:_AT_ONCE]:
                    await self._write(tx, finding)
        except UnavailableError as error:
            logger.warning("reconcile.not_recorded", reason=error.message)

    async def _write(self, tx: Transaction, finding: Finding) -> None:
        now = self._clock()
        details = {"kind": finding.kind.value, "subject": finding.subject}
        subject = await find_subject(
            tx, organization_id=None, project_id=finding.project_id, job_id=None, asked_for=None
        )
        event = NewEvent(
            CLUSTER_REPAIRED if finding.repaired else FINDING,
            organization_id=subject.organization_id,
            project_id=subject.project_id,
            message=finding.message,
            details=details,
        )
        await insert_event(tx, event, now=now)
        if finding.repaired:
            act = NewAuditEvent(
                "cluster.repair",
                target_kind=finding.kind.value,
                target_id=finding.subject,
                organization_id=subject.organization_id,
                project_id=subject.project_id,
                metadata={"message": finding.message[:300]},
            )
            await insert_audit_event(tx, act, now=now)
