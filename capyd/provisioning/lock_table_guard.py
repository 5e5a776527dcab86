"""Ends, by a signal, the session that has filled the server's lock table: SQL cannot then."""

import asyncio
import signal
import time
from contextlib import suppress
from functools import partial

from capyd.domain.audit import NewAuditEvent
from capyd.domain.events import LOCK_TABLE_FULL, SESSION_ENDED, NewEvent
from capyd.domain.failures import StepError, UnreachableError
from capyd.host.processes import command_of, identify
from capyd.postgres.connections import LEDGER_DATABASE, AdminConnections, Connection
from capyd.postgres.lock_table import LockHolder, find_greatest_holder, is_lock_table_full
from capyd.provisioning.cluster import ClusterWatch
from capyd.provisioning.stop_records import StopRecords
from capyd.runtime.clock import Clock
from capyd.runtime.failpoints import failpoints
from capyd.runtime.logs import get_logger
from capyd.sqlite.database import Database
from capyd.sqlite.events import insert_event
from capyd.sqlite.projects import find_project

logger = get_logger(__name__)

_PAUSE_SECONDS = 0.05


class LockTableGuard:
    """Keeps a session of its own, made while there was room: with the table full, none can be made.

    It looks also while the cluster counts as away: that is what a cluster is that lets nobody in. Signal first, record
    after, as the watchdog does.
    """

    def __init__(
        self,
        *,
        database: Database,
        connections: AdminConnections,
        cluster: ClusterWatch,
        clock: Clock,
        watchful_seconds: float = 10.0,
    ) -> None:
        """`watchful_seconds`: how long a look goes on once a session was ended, as its tenant may be back at once."""
        self._database = database
        self._connections = connections
        self._cluster = cluster
        self._clock = clock
        self._watchful_seconds = watchful_seconds
        self._records = StopRecords(database=database, clock=clock)
        self._session: Connection | None = None
        self._has_told = False
        """Of a full table that is none of our doing to mend, until it has room again."""

    async def look(self) -> bool:
        """End the greatest holder if the table is full, and stay watchful then. True: one was told to end."""
        if not await self._look():
            return False
        until = time.monotonic() + self._watchful_seconds
        while time.monotonic() < until:
            await asyncio.sleep(_PAUSE_SECONDS)
            await self._look()
        return True

    async def _look(self) -> bool:
        try:
            session = await self._keep_session()
            if session is None or not await is_lock_table_full(session):
                self._has_told = False
                return False
            holder = await find_greatest_holder(session)
        except StepError as error:
            logger.warning("lock_table.could_not_look", reason=error.summary)
            if isinstance(error, UnreachableError):
                await self.close()
            return False
        return await self._end(holder)

    async def stand(self) -> None:
        """Have the session, as soon as the cluster is ready.

        Raises:
            StepError: as the cluster says.
        """
        await self._keep_session()

    async def close(self) -> None:
        """Give the session up. The next look makes another."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def _keep_session(self) -> Connection | None:
        if self._session is not None and self._session.closed:
            await self.close()
        if self._session is None and self._cluster.trouble is None:
            self._session = await self._connections.standing("capyd lock table", LEDGER_DATABASE)
            # Its catalogs are read now, not when reading them would need locks.
            await find_greatest_holder(self._session)
        return self._session

    async def _end(self, holder: LockHolder | None) -> bool:
        if holder is None:
            await self._tell("the lock table is full, and no tenant's session holds any of it")
            return False
        if failpoints.active:
            await failpoints.reach("session.signal.before")
        try:
            _terminate(holder)
        except OSError as error:
            await self._tell(
                f"the lock table is full: process {holder.pid} of {holder.login} holds {holder.locks} locks, "
                f"and could not be ended: {error.strerror or error}",
                holder,
            )
            return False
        if failpoints.active:
            await failpoints.reach("session.signal.after")
        await self._record(holder)
        return True

    async def _tell(self, message: str, holder: LockHolder | None = None) -> None:
        if self._has_told:
            return
        logger.error("lock_table.full", reason=message)
        async with self._database.transaction() as tx:
            project_id = holder.project_id if holder is not None else None
            await insert_event(tx, NewEvent(LOCK_TABLE_FULL, project_id=project_id, message=message), now=self._clock())
        self._has_told = True

    async def _record(self, holder: LockHolder) -> None:
        async with self._database.reading() as reads:
            project = await find_project(reads, holder.project_id, organization_id=None)
        organization_id = project.organization_id if project is not None else None
        await self._records.write([(holder.project_id, partial(_telling, holder, organization_id))])


def _telling(holder: LockHolder, organization_id: str | None, times: int) -> tuple[NewEvent, NewAuditEvent]:
    details = {
        "login": holder.login,
        "door": "pooled" if holder.is_pooled else "direct",
        "reason": "lock_table",
        "locks": holder.locks,
        "times": times,
    }
    event = NewEvent(
        SESSION_ENDED,
        organization_id=organization_id,
        project_id=holder.project_id,
        message=f"a session held {holder.locks} locks and left none for anybody else: it was ended",
        details=details,
    )
    act = NewAuditEvent(
        "session.end",
        target_kind="login",
        target_id=holder.login,
        organization_id=organization_id,
        project_id=holder.project_id,
        metadata=details,
    )
    return event, act


def _terminate(holder: LockHolder) -> None:
    """What pg_terminate_backend would send.

    Raises:
        OSError: this process may not, or the server's processes are not of this host's (another container).
    """
    process = identify(holder.pid)
    title = " ".join(command_of(holder.pid))
    if process is None or not title.startswith("postgres:") or f" {holder.login} " not in title:
        raise ProcessLookupError("there is no such process of PostgreSQL's here")
    with suppress(ProcessLookupError):
        process.send(signal.SIGTERM)
