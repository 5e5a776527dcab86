"""Builds databases before they are asked for, and keeps a number of them ready."""

import asyncio

from capyd.domain.failures import PoolerUnreachableError, StepError, UnreachableError
from capyd.domain.tenants import TenantNames, new_tenant_names
from capyd.host.sealing import Sealer
from capyd.jobs.lanes import Lanes
from capyd.postgres.connections import AdminConnections
from capyd.postgres.spares import build_spare, count_spares, drop_unfinished, list_unfinished, retire_stale_spares
from capyd.provisioning.cluster import ClusterWatch
from capyd.provisioning.credentials import mint_credential
from capyd.provisioning.pooler_sync import PoolerSync
from capyd.runtime.logs import get_logger

logger = get_logger(__name__)

_QUIET_SECONDS = 0.3  # a build writes and syncs megabytes: not in the middle of a run of creates
_RETRY_SECONDS = 2.0


class Spares:
    """The spare pool. Whoever finds it empty builds one with the same code."""

    def __init__(
        self,
        *,
        connections: AdminConnections,
        cluster: ClusterWatch,
        pooler_sync: PoolerSync,
        sealer: Sealer,
        lanes: Lanes,
        target: int,
        pool_size: int,
    ) -> None:
        self._connections = connections
        self._cluster = cluster
        self._pooler_sync = pooler_sync
        self._sealer = sealer
        self._lanes = lanes
        self.target = target
        self.pool_size = pool_size
        self._woken = asyncio.Event()
        self._quiet = True
        self._in_hand: set[str] = set()

    @property
    def in_hand(self) -> frozenset[str]:
        """The databases that are being built or dropped just now: unfinished, and nothing is wrong with them."""
        return frozenset(self._in_hand)

    def aim_at(self, target: int) -> None:
        """Keep `target` ready from now on. Fewer than before: those that are there are used up first."""
        self.target = target
        self._woken.set()

    def claimed(self) -> None:
        """A spare was claimed: build another when it has become quiet."""
        self._quiet = False
        self._woken.set()

    async def look_after(self) -> None:
        """Check now that what is there is what should be: the cluster is back, or it is time to."""
        self._woken.set()

    async def build(self) -> None:
        """Build one spare, two of them at a time in the whole daemon.

        Raises:
            StepError: as the cluster says. What was begun is dropped by the next `clean_up`.
        """
        names = new_tenant_names()
        credential = mint_credential(self._sealer, login=names.login)
        async with self._lanes.builds:
            # Only now: of many that stood in line, the first alone is to wait for a cluster that has gone.
            facts = self._cluster.require()
            self._in_hand.add(names.database)
            try:
                await build_spare(
                    self._connections,
                    template=facts.template,
                    names=names,
                    credential=credential,
                    pool_size=self.pool_size,
                )
            finally:
                self._in_hand.discard(names.database)

    async def clean_up(self) -> None:
        """Drop what a dead daemon left half built, and spares of a template that is no longer in force."""
        facts = self._cluster.require()
        await retire_stale_spares(self._connections, facts.template)
        for names in await list_unfinished(self._connections):
            await self.drop_unfinished(names)

    async def drop_unfinished(self, names: TenantNames) -> None:
        """Drop what there is of an unfinished database that nobody has in hand.

        Raises:
            StepError: as the cluster says.
        """
        async with self._lanes.drops:
            if names.database in self._in_hand:
                return
            self._in_hand.add(names.database)
            try:
                await drop_unfinished(self._connections, names)
            finally:
                self._in_hand.discard(names.database)
        logger.info("spare.dropped_unfinished", database=names.database)

    async def fill(self) -> None:
        """Build until the target is there, and have the pooler know them."""
        while (missing := self.target - await count_spares(self._connections)) > 0:
            async with asyncio.TaskGroup() as builds:
                for _ in range(min(missing, 2)):
                    builds.create_task(self.build())
            await self._pooler_sync.sync()

    async def run(self) -> None:
        """Keep the pool filled until cancelled: woken, then a moment of quiet after claims, then a pass."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                await self._until_quiet()
                await self.clean_up()
                await self.fill()
            except* PoolerUnreachableError:
                # What was built is there; the pooler learns of it when it answers.
                self._pooler_sync.request()
            except* UnreachableError as group:
                # The watch wakes this task when the cluster is back.
                self._cluster.report_lost(str(group.exceptions[0]))
            except* StepError as group:
                logger.warning("spares.not_filled", reason=str(group.exceptions[0]))
                await asyncio.sleep(_RETRY_SECONDS)
                self._woken.set()

    async def _until_quiet(self) -> None:
        """Return when nobody has claimed for a moment, or the pool runs dry."""
        while not self._quiet:
            self._quiet = True
            await asyncio.sleep(_QUIET_SECONDS)
            if self._cluster.trouble is None and await count_spares(self._connections) <= self.target // 2:
                return
