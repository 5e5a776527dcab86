"""Notes in the ledger how far the audit trail is: who alters the state file would have to alter the cluster too."""

from capyd.domain.events import AUDIT_TRAIL_ALTERED, NewEvent
from capyd.domain.failures import StepError
from capyd.postgres.audit_head import note_head, read_noted_head
from capyd.postgres.connections import AdminConnections
from capyd.provisioning.cluster import ClusterWatch
from capyd.runtime.clock import Clock
from capyd.runtime.logs import get_logger
from capyd.sqlite.audit import follows_audit_head, read_audit_head
from capyd.sqlite.database import Database
from capyd.sqlite.events import insert_event

logger = get_logger(__name__)


class AuditAnchor:
    """Keeps the ledger's note up to date, and never in place of one that this trail does not follow."""

    def __init__(
        self, *, connections: AdminConnections, database: Database, cluster: ClusterWatch, clock: Clock
    ) -> None:
        self._connections = connections
        self._database = database
        self._cluster = cluster
        self._clock = clock
        self._noted = 0
        self._compared = False
        self._altered = False

    async def note(self) -> None:
        """Note the newest audit event, unless it is noted, or the cluster is away: there will be another time."""
        async with self._database.reading() as reads:
            head = await read_audit_head(reads)
        if head.sequence == self._noted or self._altered or self._cluster.trouble is not None:
            return
        try:
            if not self._compared and not await self._compare():
                return
            await note_head(self._connections, head)
        except StepError as error:
            logger.warning("audit.head_not_noted", reason=error.summary)
        else:
            self._noted = head.sequence

    async def _compare(self) -> bool:
        """Whether the trail has what was noted of it before this start. If not, that note stays, as the evidence."""
        noted = await read_noted_head(self._connections)
        async with self._database.reading() as reads:
            self._compared = await follows_audit_head(reads, noted)
        if not self._compared:
            self._altered = True
            message = f"the audit trail does not have the event {noted.sequence} as it was noted: capyd audit verify"
            logger.error("audit.altered", sequence=noted.sequence)
            async with self._database.transaction() as tx:
                details = {"sequence": noted.sequence}
                await insert_event(
                    tx, NewEvent(AUDIT_TRAIL_ALTERED, message=message, details=details), now=self._clock()
                )
        return self._compared
