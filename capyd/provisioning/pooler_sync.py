"""Keeps the pooler in step with the ledger: many changes, one reload."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from capyd.config.settings import PoolerSettings, PostgresSettings
from capyd.domain.failures import StepError
from capyd.jobs.lanes import Lanes
from capyd.pgbouncer.pooler import Pooler
from capyd.postgres.connections import AdminConnections
from capyd.postgres.entries import list_pooler_entries
from capyd.postgres.ident import apply_ident
from capyd.postgres.spares import mark_pooled
from capyd.runtime.logs import get_logger

logger = get_logger(__name__)

_RETRY_SECONDS = 2.0
_REST_FACTOR = 2
_LOOK_SECONDS = 0.01


class PoolerSync:
    """Writes what the ledger says into the pooler's files, reloads once, and reads back."""

    def __init__(
        self,
        *,
        connections: AdminConnections,
        pooler: Pooler,
        postgres_settings: PostgresSettings,
        pooler_settings: PoolerSettings,
        lanes: Lanes,
    ) -> None:
        self._connections = connections
        self._pooler = pooler
        self._postgres_settings = postgres_settings
        self._pooler_settings = pooler_settings
        self._lanes = lanes
        self._applying = asyncio.Lock()
        self._ended_at = self._took = 0.0
        self._asked = 0
        self._served = 0
        self._requested = asyncio.Event()
        self._when_served: list[Callable[[], Awaitable[None]]] = []

    def when_served(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Call `callback` each time a request has been served: the pooler answers."""
        self._when_served.append(callback)

    async def sync(self) -> None:
        """Return when the pooler has all that the ledger held at the call.

        Raises:
            UnreachableError: the cluster or the pooler does not answer.
            TransientError: the pooler did not take the configuration; the old one is back.
        """
        self._asked += 1
        ticket = self._asked
        async with self._applying:
            if self._served >= ticket:
                return  # the one before began after this call, and so served it too
            await self._rest()
            serving = self._asked
            began_at = time.monotonic()
            try:
                await self._apply()
            finally:
                self._ended_at = time.monotonic()
                self._took = self._ended_at - began_at
            self._served = serving

    async def _rest(self) -> None:
        """Rest for a multiple of what the last run took, while all lanes build.

        In a burst of creates each run would serve a few and be followed by the next: they would take disk and
        processor from the builds that the others wait for. So a run serves many, and syncing a third of the time.
        """
        until = self._ended_at + _REST_FACTOR * self._took
        # A semaphore tells nobody that it has fallen free.
        while self._lanes.builds.locked() and (left := until - time.monotonic()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(min(left, _LOOK_SECONDS))

    def request(self) -> None:
        """Have it synchronised soon, by the task that `run` is."""
        self._requested.set()

    async def look_after(self) -> None:
        """The cluster is back: it may know of tenants that the pooler's files do not."""
        self.request()

    async def look_at_certificate(self) -> None:
        """Have the pooler read its certificate again when that has been replaced."""
        if self._pooler.has_new_certificate():
            logger.info("pooler.new_certificate")
            self.request()

    async def run(self) -> None:
        """Serve requests until cancelled; one that fails is tried again."""
        trouble = None
        while True:
            await self._requested.wait()
            self._requested.clear()
            try:
                await self.sync()
            except StepError as error:
                if error.summary != trouble:
                    logger.warning("pooler.sync_failed", reason=error.summary)
                trouble = error.summary
                self._requested.set()
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                trouble = None
                for callback in self._when_served:
                    await callback()

    async def _apply(self) -> None:
        entries = await list_pooler_entries(self._connections)
        await apply_ident(
            self._connections,
            self._postgres_settings,
            self._pooler_settings.os_user,
            [login.name for entry in entries for login in entry.logins],
        )
        await self._pooler.apply(entries)
        await mark_pooled(self._connections, [entry.database for entry in entries])
