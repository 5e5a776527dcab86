"""Directories of databases that there are not: what a crash in the middle of a CREATE DATABASE leaves."""

import asyncio

from capyd.postgres.connections import Connection

_LOOKS = 50
_PAUSE_SECONDS = 0.1


async def find_orphans(ledger: Connection) -> frozenset[int]:
    """Directories that no database has, and that no CREATE DATABASE in hand is filling.

    A creation makes the directory first and its catalog row last, and holds a lock on the catalog in between; a drop
    goes the other way round. So a directory counts that was there before and after the catalog was read, while
    nobody held the lock. While somebody does, for longer than we wait, none counts: the next look will tell.
    """
    for _ in range(_LOOKS):
        before = await _list_directories(ledger)
        cursor = await ledger.execute(
            """
            SELECT EXISTS (
                SELECT FROM pg_catalog.pg_locks
                WHERE relation = 'pg_catalog.pg_database'::pg_catalog.regclass AND mode = 'RowExclusiveLock'
            )
            """
        )
        in_hand = await cursor.fetchone() == (True,)
        cursor = await ledger.execute("SELECT oid FROM pg_catalog.pg_database")
        known = {oid async for (oid,) in cursor}
        suspects = before - known
        if not suspects:
            return frozenset()
        if not in_hand:
            return suspects & await _list_directories(ledger)
        await asyncio.sleep(_PAUSE_SECONDS)
    return frozenset()


async def _list_directories(ledger: Connection) -> frozenset[int]:
    """Those under `base/` that are named as a database's: by its OID."""
    cursor = await ledger.execute("SELECT name FROM pg_catalog.pg_ls_dir('base') AS name WHERE name ~ '^[0-9]+$'")
    return frozenset([int(name) async for (name,) in cursor])
