"""Builds databases before they are asked for, and keeps a number of them ready."""

import asyncio
from dataclasses import dataclass

from capyd.config.settings import SpareSettings
from capyd.domain.failures import PoolerUnreachableError, StepError, UnreachableError
from capyd.domain.plans import GIB
from capyd.domain.tenants import TenantNames, new_tenant_names
from capyd.host.sealing import Sealer
from capyd.jobs.lanes import Lanes
from capyd.postgres.connections import AdminConnections
from capyd.postgres.spare_room import read_spare_room
from capyd.postgres.spares import (
    build_spare,
    count_building,
    count_spares,
    drop_unfinished,
    list_unfinished,
    retire_stale_spares,
)
from capyd.provisioning.cluster import ClusterWatch
from capyd.provisioning.credentials import mint_credential
from capyd.provisioning.pooler_sync import PoolerSync
from capyd.provisioning.spare_demand import SpareDemand
from capyd.runtime.logs import get_logger

logger = get_logger(__name__)

_QUIET_SECONDS = 0.3  # a build writes and syncs megabytes: not in the middle of a run of creates
_RETRY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class SpareStatus:
    """The pool as it is now."""

    ready: int
    building: int
    target: int
    claims_per_minute: int


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
        settings: SpareSettings,
        pool_size: int,
    ) -> None:
        self._connections = connections
        self._cluster = cluster
        self._pooler_sync = pooler_sync
        self._sealer = sealer
        self._lanes = lanes
        self._settings = settings
        self.demand = SpareDemand(least=settings.target, most=settings.most)
        self.pool_size = pool_size
        self._woken = asyncio.Event()
        self._waited_for = 0
        self._nobody_waits = asyncio.Event()
        self._nobody_waits.set()
        self._built_ahead = 0
        self._lacking: str | None = None
        self._in_hand: set[str] = set()

    @property
    def in_hand(self) -> frozenset[str]:
        """The databases that are being built or dropped just now: unfinished, and nothing is wrong with them."""
        return frozenset(self._in_hand)

    @property
    def target(self) -> int:
        """How many are to be ready now."""
        return self.demand.target()

    async def status(self) -> SpareStatus:
        """How it is.

        Raises:
            UnreachableError, TransientError: the cluster does not say.
        """
        ready, building = await count_spares(self._connections), await count_building(self._connections)
        return SpareStatus(ready, building, self.target, self.demand.claims_per_minute())

    def take_settings(self, settings: SpareSettings) -> None:
        """Go by these from now on. Fewer than before: those that are there are used up first."""
        self._settings = settings
        self.demand.least, self.demand.most = settings.target, settings.most
        self._woken.set()

    def claimed(self) -> None:
        """A create claims a spare, or finds none: build another when it has become quiet."""
        self.demand.claimed()
        self._woken.set()

    async def look_after(self) -> None:
        """Check now that what is there is what should be: the cluster is back, or it is time to."""
        self._woken.set()

    async def build(self) -> None:
        """Build one spare for a create that waits for it, two of them at a time in the whole daemon.

        Builds none when one that was built ahead was finished in the meantime: that can be claimed.

        Raises:
            StepError: as the cluster says. What was begun is dropped by the next `clean_up`.
        """
        self._waited_for += 1
        self._nobody_waits.clear()
        ahead = self._built_ahead
        try:
            async with self._lanes.builds:
                if self._built_ahead == ahead:
                    await self._build()
        finally:
            self._waited_for -= 1
            if not self._waited_for:
                self._nobody_waits.set()

    async def _build_ahead(self) -> None:
        async with self._lanes.builds:
            await self._build()
        self._built_ahead += 1

    async def _build(self) -> None:
        # Only now: of many that stood in line, the first alone is to wait for a cluster that has gone.
        facts = self._cluster.require()
        names = new_tenant_names()
        credential = mint_credential(self._sealer, login=names.login)
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
        """Build until the target is there or there is no room for more, and have the pooler know them.

        Creates that wait for a build go first, and while claims come only one is built at a time: a build writes
        and syncs megabytes, which a claim would feel.
        """
        while await self._has_room():
            await self._nobody_waits.wait()
            missing = self.target - await count_spares(self._connections)
            if missing <= 0:
                return
            width = 1 if self.demand.seconds_since_claim() < _QUIET_SECONDS else 2
            async with asyncio.TaskGroup() as builds:
                for _ in range(min(missing, width)):
                    builds.create_task(self._build_ahead())
            await self._pooler_sync.sync()

    async def _has_room(self) -> bool:
        room = await read_spare_room(self._connections)
        lacking = room.what_lacks(
            connections=self._settings.min_free_connections,
            disk_bytes=int(self._settings.min_free_disk_gib * GIB),
        )
        if lacking is not None and self._lacking is None:
            logger.warning("spares.no_room", reason=lacking)
        self._lacking = lacking
        return lacking is None

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
        while (rest := _QUIET_SECONDS - self.demand.seconds_since_claim()) > 0:
            await asyncio.sleep(rest)
            if self._cluster.trouble is None and await count_spares(self._connections) <= self.target // 2:
                return
