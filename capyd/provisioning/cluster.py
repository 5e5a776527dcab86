"""Knows whether the cluster is there, and prepares it whenever it comes back."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from capyd.domain.errors import UnavailableError
from capyd.domain.failures import PermanentError, StepError, UnreachableError
from capyd.domain.installed import ClusterFacts
from capyd.postgres.connections import AdminConnections
from capyd.postgres.ownership import ClusterOwnership
from capyd.postgres.preparation import prepare_cluster, read_system_identifier
from capyd.provisioning.ledger_check import LedgerCheck
from capyd.runtime.logs import get_logger
from capyd.sqlite.database import Database
from capyd.sqlite.facts import find_fact, put_fact

logger = get_logger(__name__)

_FIRST_DELAY_SECONDS = 0.2
_LONGEST_DELAY_SECONDS = 3.0


class ClusterWatch:
    """The cluster as this daemon knows it: prepared, or away with a reason.

    An idle daemon asks nothing: a job that finds the cluster away says so, and from then on this watch tries until
    it answers, prepares it anew, and wakes what waits.
    """

    def __init__(
        self,
        *,
        connections: AdminConnections,
        database: Database,
        ownership: ClusterOwnership,
        default_extensions: Sequence[str],
    ) -> None:
        self._connections = connections
        self._database = database
        self._ownership = ownership
        self._ledger = LedgerCheck(connections=connections, database=database)
        self._default_extensions = default_extensions
        self._facts: ClusterFacts | None = None
        self._trouble = "it has not been asked yet"
        self._lost = asyncio.Event()
        self._when_ready: list[Callable[[], Awaitable[None]]] = []
        self._when_lost: list[Callable[[], None]] = []

    def when_ready(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Call `callback` each time the cluster has been prepared."""
        self._when_ready.append(callback)

    def when_lost(self, callback: Callable[[], None]) -> None:
        """Call `callback` each time the cluster was ready and is no more."""
        self._when_lost.append(callback)

    @property
    def trouble(self) -> str | None:
        """Why the cluster cannot be used just now, or None."""
        return None if self._facts is not None else self._trouble

    def require(self) -> ClusterFacts:
        """What the cluster carries.

        Raises:
            UnreachableError: it is away; the sentence says why.
        """
        if self._facts is None:
            raise UnreachableError(f"PostgreSQL is not ready: {self._trouble}")
        return self._facts

    def report_lost(self, reason: str) -> None:
        """Somebody found the cluster away."""
        if self._facts is not None:
            self._lose(reason)
        self._lost.set()

    async def look(self) -> None:
        """Ask the cluster now whether it answers, so that `trouble` is not from the last time it was needed."""
        if self._facts is None:
            return
        try:
            async with self._connections.ledger() as ledger:
                await ledger.execute("SELECT")
        except UnreachableError as error:
            self.report_lost(error.summary)

    async def run(self) -> None:
        """Prepare the cluster, and again whenever it was lost. Runs until cancelled.

        Raises:
            ClusterHeldError: another daemon looks after it.
        """
        delay = _FIRST_DELAY_SECONDS
        while True:
            self._lost.clear()
            if await self.prepare():
                await self._until_lost()
            await asyncio.sleep(delay)
            delay = min(delay * 1.5, _LONGEST_DELAY_SECONDS) if self._facts is None else _FIRST_DELAY_SECONDS

    async def prepare(self) -> bool:
        """One try. False: it is away, or cannot be used, and `trouble` says why.

        Raises:
            ClusterHeldError: another daemon looks after it.
        """
        try:
            await self._check_identity(await read_system_identifier(self._connections))
            await self._ownership.acquire()
            facts = await prepare_cluster(self._connections, default_extensions=self._default_extensions)
            await self._remember(facts)
            await self._ledger.check()
            self._facts = facts
            logger.info("cluster.ready", postgres_version=facts.server_version, template=facts.template)
            for callback in self._when_ready:
                await callback()
        except StepError as error:
            return self._not_ready(error.summary)
        except UnavailableError as error:
            return self._not_ready(error.message)
        return True

    async def _until_lost(self) -> None:
        """Return when somebody found the cluster away, or the session that makes it ours has ended."""
        reported = asyncio.create_task(self._lost.wait())
        session = asyncio.create_task(self._ownership.until_lost())
        try:
            await asyncio.wait((reported, session), return_when=asyncio.FIRST_COMPLETED)
        finally:
            reported.cancel()
            session.cancel()
            await asyncio.wait((reported, session))
        if not session.cancelled():
            self.report_lost(session.result())

    def _not_ready(self, reason: str) -> bool:
        if reason != self._trouble:
            logger.warning("cluster.not_ready", reason=reason)
        self._lose(reason)
        return False

    def _lose(self, reason: str) -> None:
        was_ready = self._facts is not None
        self._facts, self._trouble = None, reason
        if was_ready:
            for callback in self._when_lost:
                callback()

    async def _check_identity(self, system_identifier: str) -> None:
        """Refuse a cluster that this state was not made for, before anything is done to it."""
        async with self._database.reading() as reads:
            known = await find_fact(reads, "system_identifier")
        if known not in (None, system_identifier):
            raise PermanentError(
                f"this state file belongs to the cluster with system identifier {known}, "
                f"and the one that answers has {system_identifier}: nothing is done to it"
            )

    async def _remember(self, facts: ClusterFacts) -> None:
        """Note which cluster this is. Most starts have nothing to note, and then write nothing."""
        async with self._database.reading() as reads:
            known = [await find_fact(reads, name) for name in ("system_identifier", "postgres_version")]
        if known != [facts.system_identifier, str(facts.major)]:
            async with self._database.transaction() as tx:
                await put_fact(tx, "system_identifier", facts.system_identifier)
                await put_fact(tx, "postgres_version", str(facts.major))
