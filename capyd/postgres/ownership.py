"""One daemon per cluster: an advisory lock that a standing session holds, and that ends with the session."""

import asyncio
import os
import socket

import psycopg

from capyd.postgres.connections import AdminConnections, Connection
from capyd.postgres.errors import translated

# In the database `postgres`, which every cluster has: advisory locks are a database's own.
_OWNING = 0x6361707964
_PAUSE_SECONDS = 0.25


class ClusterHeldError(Exception):
    """Another process looks after this cluster. Its text says which."""


class ClusterOwnership:
    """The right to change the cluster, from `acquire` until the session is lost or released."""

    def __init__(self, connections: AdminConnections, *, patience_seconds: float = 5.0) -> None:
        """`patience_seconds`: how long another holder may linger; the session of one that was killed does a moment."""
        self._connections = connections
        self._patience_seconds = patience_seconds
        self._session: Connection | None = None

    async def acquire(self) -> None:
        """Take the lock, or find that it is held still.

        Raises:
            UnreachableError: the server does not let us in.
            ClusterHeldError: another process has it.
        """
        if self._session is not None and await self._is_alive(self._session):
            return
        session = await self._connections.standing(f"capyd {socket.gethostname()} process {os.getpid()}"[:63])
        try:
            with translated("lock the cluster"):
                await self._lock(session)
        except BaseException:
            await session.close()
            raise
        self._session = session

    async def until_lost(self) -> str:
        """Return when the session has ended, and say so. Asks nothing meanwhile: it waits for the server to speak."""
        while self._session is not None:
            await _until_readable(self._session)
            # A reload speaks to every session too, and ends none.
            await self._is_alive(self._session)
        return "the session that locks the cluster has ended"

    async def release(self) -> None:
        """Give the cluster free."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def _lock(self, session: Connection) -> None:
        deadline = asyncio.get_running_loop().time() + self._patience_seconds
        while not await self._try(session):
            if asyncio.get_running_loop().time() >= deadline:
                raise ClusterHeldError(f"another capyd looks after this cluster: {await self._holder(session)}")
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _is_alive(self, session: Connection) -> bool:
        try:
            await session.execute("SELECT")
        except psycopg.Error:
            await self.release()
            return False
        return True

    async def _try(self, session: Connection) -> bool:
        cursor = await session.execute("SELECT pg_catalog.pg_try_advisory_lock(%s)", [_OWNING])
        return await cursor.fetchone() == (True,)

    async def _holder(self, session: Connection) -> str:
        """The holder's name, which says host and process, and its session's process in the server."""
        cursor = await session.execute(
            """
            SELECT a.application_name, a.pid
            FROM pg_catalog.pg_locks AS l JOIN pg_catalog.pg_stat_activity AS a USING (pid)
            WHERE l.locktype = 'advisory' AND l.granted AND l.database = (
                SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
            ) AND (l.classid::bigint << 32 | l.objid::bigint) = %s
            """,
            [_OWNING],
        )
        row = await cursor.fetchone()
        return "it has just ended" if row is None else f"{row[0]} (its session is the server's process {row[1]})"


async def _until_readable(session: Connection) -> None:
    """Return when the server has said something, or hung up. psycopg's own wait would look every 0.1 s."""
    loop = asyncio.get_running_loop()
    spoken = asyncio.Event()
    loop.add_reader(session.fileno(), spoken.set)
    try:
        await spoken.wait()
    finally:
        loop.remove_reader(session.fileno())
