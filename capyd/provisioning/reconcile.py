"""Compares the desired state with what there is, and mends what is safe: a duty, and what `capyd doctor` asks for."""

import asyncio
from dataclasses import replace

from capyd.domain.failures import StepError, UnreachableError
from capyd.domain.findings import CheckReport, Finding
from capyd.provisioning.cluster import ClusterWatch
from capyd.provisioning.reconcile_compare import compare
from capyd.provisioning.reconcile_observe import Observation, Observer
from capyd.provisioning.reconcile_record import ReconcileRecord
from capyd.provisioning.reconcile_repair import Repairer
from capyd.runtime.logs import get_logger

logger = get_logger(__name__)

_TOLERATED_FAILURES = 5


class Reconciler:
    """One comparison at a time."""

    def __init__(
        self,
        *,
        cluster: ClusterWatch,
        observer: Observer,
        repairer: Repairer,
        record: ReconcileRecord,
        confirm_after_seconds: float = 1.0,
    ) -> None:
        self._cluster = cluster
        self._observer = observer
        self._repairer = repairer
        self._record = record
        self._confirm_after_seconds = confirm_after_seconds
        self._checking = asyncio.Lock()
        self._woken = asyncio.Event()
        self._reported: frozenset[Finding] = frozenset()

    async def check(self, *, repair: bool) -> CheckReport:
        """Compare; with `repair` mend what is safe, and say of each finding whether it is gone.

        Raises:
            UnreachableError: the cluster is away, or went away meanwhile.
            TransientError, PermanentError: it could not be looked at.
        """
        self._cluster.require()
        async with self._checking:
            observation, findings = await self._find()
            if repair:
                findings = await self._mend(observation, findings)
            return CheckReport(observation.compared, tuple(findings))

    async def look_after(self) -> None:
        """Check and mend soon: the cluster is back, or it is time to."""
        self._woken.set()

    async def run(self) -> None:
        """Check and mend whenever woken, until cancelled.

        Raises:
            StepError: it has failed several times in a row, with the cluster there.
        """
        failures = 0
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                report = await self.check(repair=True)
            except UnreachableError as error:
                # The watch wakes this task when the cluster is back.
                self._cluster.report_lost(error.summary)
            except StepError as error:
                failures += 1
                logger.warning("reconcile.failed", reason=error.summary, in_a_row=failures)
                if failures >= _TOLERATED_FAILURES:
                    raise
            else:
                failures = 0
                await self._tell(report)

    async def _find(self) -> tuple[Observation, list[Finding]]:
        """What two looks, a moment apart, both see: a change that is half way through is seen by one alone."""
        observation = await self._observer.look()
        first = {(finding.kind, finding.subject) for finding in compare(observation)}
        if not first:
            return observation, []
        await asyncio.sleep(self._confirm_after_seconds)
        observation = await self._observer.look()
        return observation, [it for it in compare(observation) if (it.kind, it.subject) in first]

    async def _mend(self, observation: Observation, findings: list[Finding]) -> list[Finding]:
        """The findings, with what became of them: by a new look, and not by what the repairs think."""
        troubles = await self._repairer.repair(findings, observation)
        if not any(finding.safe_to_repair for finding in findings):
            return findings
        left = {(finding.kind, finding.subject) for finding in compare(await self._observer.look())}
        mended = []
        for finding in findings:
            if finding.safe_to_repair and (finding.kind, finding.subject) not in left:
                mended.append(replace(finding, repaired=True))
            elif finding in troubles:
                mended.append(replace(finding, message=f"{finding.message}; not mended: {troubles[finding]}"))
            else:
                mended.append(finding)
        return mended

    async def _tell(self, report: CheckReport) -> None:
        """What was mended, and what is off and was not so the last time: every ten minutes again would hide it."""
        new = [finding for finding in report.findings if finding.repaired or finding not in self._reported]
        self._reported = frozenset(report.findings)
        for finding in new:
            logger.warning(
                "reconcile.repaired" if finding.repaired else "reconcile.off",
                kind=finding.kind.value,
                subject=finding.subject,
                project_id=finding.project_id,
                message=finding.message,
            )
        await self._record.write(new)
