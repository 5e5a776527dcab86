"""Whether the ledger in the cluster and this state file know of each other's changes."""

from capyd.domain.failures import PermanentError
from capyd.domain.projects import Project
from capyd.postgres.adoption import adopt_tenants
from capyd.postgres.connections import AdminConnections
from capyd.postgres.ledger_records import read_head
from capyd.runtime.logs import get_logger
from capyd.sqlite.database import Database
from capyd.sqlite.facts import find_fact, put_fact
from capyd.sqlite.outbox import enqueue_everything, read_newest_revision
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
            PermanentError: the ledger knows of changes that this state file does not: the file is an old copy, or new.
            StepError: the cluster does not answer.
        """
        head = await read_head(self._connections)
        async with self._database.reading() as reads:
            newest = await read_newest_revision(reads)
            carried = int(await find_fact(reads, "carried_revision") or 0)
        if head > newest:
            raise PermanentError(
                f"the ledger in this cluster is newer (revision {head}) than this state file (revision {newest}), which"
                " is a new or an old one: stop the daemon, and run capyd restore-state or capyd rebuild-state"
            )
        if head < carried:
            logger.warning("ledger.behind", revision=head, carried=carried)
            await self._write_anew(head)

    async def _write_anew(self, head: int) -> None:
        """First the tenants, so that none is taken for a stranger's or for rubbish; then everything else, by outbox."""
        async with self._database.reading() as reads:
            projects: list[Project] = await list_live_projects(reads)
        adopted = await adopt_tenants(self._connections, projects)
        async with self._database.transaction() as tx:
            await enqueue_everything(tx)
            await put_fact(tx, "carried_revision", str(head))
        logger.warning("ledger.written_anew", databases=len(adopted), projects=len(projects))
