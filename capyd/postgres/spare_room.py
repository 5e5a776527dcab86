"""Whether the cluster has room to build ahead: spares are a convenience, and take nothing that tenants may need."""

import asyncio
import os
from dataclasses import dataclass

from capyd.postgres.connections import AdminConnections
from capyd.postgres.errors import translated


@dataclass(frozen=True, slots=True)
class SpareRoom:
    """What is free now."""

    connections: int
    """Sessions that ordinary roles can still open."""
    disk_bytes: int | None
    """On the disk of the data directory. None: this process may not look at it."""

    def what_lacks(self, *, connections: int, disk_bytes: int) -> str | None:
        """Why none is to be built ahead where so much is to stay free, or None."""
        if self.connections < connections:
            return f"only {self.connections} connections are free, and {connections} are to stay so"
        if self.disk_bytes is not None and self.disk_bytes < disk_bytes:
            return f"only {self.disk_bytes >> 20} MiB of disk are free, and {disk_bytes >> 20} are to stay so"
        return None


async def read_spare_room(connections: AdminConnections) -> SpareRoom:
    """Look at connections and disk.

    Raises:
        UnreachableError, TransientError: the cluster does not say.
    """
    with translated("look for room for spare databases"):
        async with connections.ledger() as ledger:
            cursor = await ledger.execute(
                """
                SELECT pg_catalog.current_setting('data_directory'),
                    pg_catalog.current_setting('max_connections')::int
                    - pg_catalog.current_setting('superuser_reserved_connections')::int
                    - coalesce(pg_catalog.current_setting('reserved_connections', true), '0')::int
                    - (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity
                       WHERE backend_type = 'client backend')
                """
            )
            directory, free = await cursor.fetchone() or ("", 0)
    return SpareRoom(connections=max(0, int(free)), disk_bytes=await asyncio.to_thread(_free_bytes, directory))


def _free_bytes(directory: str) -> int | None:
    try:
        disk = os.statvfs(directory)
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize
