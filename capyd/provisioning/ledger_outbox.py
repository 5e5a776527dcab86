"""Carries the outbox to the ledger: in order, at least once, and harmless when it is twice."""

import asyncio

from capyd.domain.failures import PermanentError, StepError, UnreachableError
from capyd.domain.records import LedgerHead
from capyd.postgres.connections import AdminConnections
from capyd.postgres.ledger_records import write_records
from capyd.provisioning.audit_anchor import AuditAnchor
from capyd.provisioning.cluster import ClusterWatch
from capyd.runtime.failpoints import failpoints
from capyd.runtime.logs import get_logger
from capyd.sqlite.carried import put_carried, read_carried
from capyd.sqlite.database import Database
from capyd.sqlite.outbox import delete_carried, read_outbox

logger = get_logger(__name__)

_BATCH = 500
_GATHER_SECONDS = 0.05  # a run of changes is one transaction; none of them waits for this
_RETRY_SECONDS = 2.0


class LedgerOutbox:
    """A task that a commit wakes, and that sleeps while the ledger has everything."""

    def __init__(
        self, *, connections: AdminConnections, database: Database, cluster: ClusterWatch, anchor: AuditAnchor
    ) -> None:
        self._connections = connections
        self._database = database
        self._cluster = cluster
        self._anchor = anchor
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Something was committed."""
        self._woken.set()

    async def look_after(self) -> None:
        """The cluster is back."""
        self.wake()

    async def run(self) -> None:
        """Carry until cancelled.

        Raises:
            PermanentError: the ledger refuses a change, and would again; a new start looks at it anew.
        """
        while True:
            await self._woken.wait()
            await asyncio.sleep(_GATHER_SECONDS)
            self._woken.clear()
            if self._cluster.trouble is not None:
                continue  # the watch wakes this task when the cluster is back
            try:
                await self.carry()
                await self._anchor.note()
            except UnreachableError as error:
                self._cluster.report_lost(error.summary)
            except PermanentError:
                raise
            except StepError as error:
                logger.warning("outbox.not_carried", reason=error.summary)
                await asyncio.sleep(_RETRY_SECONDS)
                self._woken.set()

    async def carry(self) -> int:
        """Carry all that there is, in batches; the number of those.

        Raises:
            UnreachableError: the cluster is away, or not ready.
            StepError: the ledger did not take it.
        """
        batches = 0
        while True:
            async with self._database.reading() as reads:
                batch = await read_outbox(reads, limit=_BATCH)
            if batch is None:
                return batches
            self._cluster.require()
            records, newest = batch
            head = LedgerHead(newest, await self._next_mark())
            await write_records(self._connections, records, head)
            if failpoints.active:
                await failpoints.reach("outbox.carried")
            async with self._database.transaction() as tx:
                await delete_carried(tx, up_to=head.revision)
                await put_carried(tx, head)
            batches += 1

    async def _next_mark(self) -> str:
        """The mark that is on disk here before the ledger shows it."""
        async with self._database.reading() as reads:
            carried = await read_carried(reads)
        if carried.next_mark is not None:
            return carried.next_mark
        async with self._database.transaction() as tx:
            return await put_carried(tx, carried.head)
