"""Whether the ledger in the cluster and this state file know of each other's changes."""

from capyd.domain.failures import PermanentError
from capyd.domain.records import LedgerHead
from capyd.postgres.adoption import adopt_tenants
from capyd.postgres.connections import AdminConnections
from capyd.postgres.ledger_records import read_head
from capyd.runtime.logs import get_logger
from capyd.sqlite.carried import put_carried, read_carried
from capyd.sqlite.database import Database
from capyd.sqlite.outbox import enqueue_everything
from capyd.sqlite.projects import list_live_projects

logger = get_logger(__name__)


class LedgerCheck:
    """Done each time the cluster was prepared, before anything is decided by what the ledger says."""

    def __init__(self, *, connections: AdminConnections, database: Database) -> None:
        self._connections = connections
        self._database = database

    async def check(self) -> None:
        """Return when the two fit. A ledger that lacks what it was given is written anew first; nothing is dropped.

        Raises:
            PermanentError: another state file has written the ledger: this one is an old copy, or new.
            StepError: the cluster does not answer.
        """
        head = await read_head(self._connections)
        async with self._database.reading() as reads:
            carried = await read_carried(reads)
        if head == carried.head or (head.mark is not None and head.mark == carried.next_mark):
            return
        if head.revision >= carried.head.revision:
            raise PermanentError(
                "the ledger in this cluster was written by another state file than this one, which is new or an old"
                " copy: stop the daemon, and run capyd restore-state or capyd rebuild-state"
            )
        logger.warning("ledger.behind", revision=head.revision, carried=carried.head.revision)
        await self._write_anew(head)

    async def _write_anew(self, head: LedgerHead) -> None:
        """First the tenants, so that none is taken for a stranger's or for rubbish; then everything else, by outbox."""
        async with self._database.reading() as reads:
            projects = await list_live_projects(reads)
        adopted = await adopt_tenants(self._connections, projects)
        async with self._database.transaction() as tx:
            await enqueue_everything(tx)
            await put_carried(tx, head)
        logger.warning("ledger.written_anew", databases=len(adopted), projects=len(projects))
