"""One SQLite file: one writer behind a lock, readers beside it.

What a transaction has committed survives kill -9 and power loss (WAL, `synchronous=FULL`). Coroutines that share
an aiosqlite connection would interleave their statements, hence the lock; nothing may await another server while
it holds it.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import aiosqlite

from capyd.domain.errors import UnavailableError
from capyd.runtime.failpoints import failpoints
from capyd.runtime.observation import observed
from capyd.sqlite.migrations import migrate

Parameters = Sequence[Any] | dict[str, Any]

_READERS = 2
# Primary result codes: the low byte of an extended one.
_DISK_TROUBLE = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)


class Reads:
    """Statements that read, on one connection."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def fetch_one(self, sql: str, parameters: Parameters = ()) -> sqlite3.Row | None:
        """The first row, or None."""
        rows = await self.fetch_all(sql, parameters)
        return rows[0] if rows else None

    async def fetch_all(self, sql: str, parameters: Parameters = ()) -> list[sqlite3.Row]:
        """All rows. A statement with RETURNING counts."""
        return list(await self._connection.execute_fetchall(sql, parameters))


class Transaction(Reads):
    """A transaction that has the write lock of the file."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        super().__init__(connection)
        self._after_commit: list[Callable[[], None]] = []

    async def execute(self, sql: str, parameters: Parameters = ()) -> int:
        """Run one statement; the number of rows that it changed."""
        cursor = await self._connection.execute(sql, parameters)
        return cursor.rowcount

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call `callback` once the transaction is on disk; never when it is not."""
        self._after_commit.append(callback)

    def committed(self) -> None:
        """Run what waits for the commit."""
        for callback in self._after_commit:
            callback()


class Database:
    """The open state file."""

    def __init__(self, writer: aiosqlite.Connection, readers: list[aiosqlite.Connection]) -> None:
        self._writer = writer
        self._writing = asyncio.Lock()
        self._open: tuple[asyncio.Task[object] | None, Transaction] | None = None
        self._when_committed: list[Callable[[], None]] = []
        self._all_readers = readers
        self._idle_readers: asyncio.Queue[aiosqlite.Connection] = asyncio.Queue()
        for reader in readers:
            self._idle_readers.put_nowait(reader)

    @classmethod
    async def open(cls, path: Path) -> "Database":
        """Open the file at `path`, making it when it is not there, and bring its schema up to date.

        Raises:
            SchemaTooNewError: a newer capyd wrote it.
        """
        writer = await _connect(path)
        try:
            await migrate(writer)
        except BaseException:
            await writer.close()
            raise
        readers = [await _connect(path, read_only=True) for _ in range(_READERS)]
        return cls(writer, readers)

    async def close(self) -> None:
        """Close all connections, after the transaction in hand."""
        async with self._writing:
            for connection in (*self._all_readers, self._writer):
                await connection.close()

    def when_committed(self, callback: Callable[[], None]) -> None:
        """Call `callback` after each commit, whatever it changed."""
        self._when_committed.append(callback)

    async def until_writer_answers(self) -> None:
        """Return when the writer is free and has run a statement: proof that no transaction holds it for ever."""
        async with self._writing:
            await self._writer.execute("SELECT 1")

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A write transaction: committed when the block ends, rolled back when it raises or is cancelled.

        Raises:
            UnavailableError: the disk is full or failing; nothing was changed, and reads go on.

        Inside another one of the same task it is that one: the outer block's end commits both, or neither.
        """
        task = asyncio.current_task()
        if self._open is not None and self._open[0] is task:
            yield self._open[1]
            return
        async with self._writing:
            transaction = Transaction(self._writer)
            self._open = (task, transaction)
            try:
                with _disk_trouble_in_words():
                    try:
                        await self._writer.execute("BEGIN IMMEDIATE")
                        yield transaction
                    except BaseException:
                        await _to_its_end(self._writer.rollback())
                        raise
                    await _to_its_end(self._commit(transaction))
            finally:
                self._open = None

    async def _commit(self, transaction: Transaction) -> None:
        try:
            if failpoints.active:
                await failpoints.reach("sqlite.commit.before")
            started = time.monotonic()
            await self._writer.execute("COMMIT")
            if observed.commit is not None:
                observed.commit(time.monotonic() - started)
        except BaseException:
            await self._writer.rollback()
            raise
        transaction.committed()
        for callback in self._when_committed:
            callback()
        if failpoints.active:
            await failpoints.reach("sqlite.commit.after")

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[Reads]:
        """A reader: each statement sees all that was committed before it."""
        reader = await self._idle_readers.get()
        try:
            yield Reads(reader)
        finally:
            self._idle_readers.put_nowait(reader)


async def _to_its_end(ending: Coroutine[Any, Any, None]) -> None:
    """Await it to its end, also when this task is cancelled meanwhile: only then is the transaction over.

    A cancelled await does not stop a statement: it still runs in the connection's thread, in its turn.
    """
    running = asyncio.ensure_future(ending)
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        raise


@contextlib.contextmanager
def _disk_trouble_in_words() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in _DISK_TROUBLE:
            raise
        raise UnavailableError(
            "the state file cannot be written, and nothing was changed: is its disk full?", code="state_not_writable"
        ) from error


async def _connect(path: Path, *, read_only: bool = False) -> aiosqlite.Connection:
    connection = await aiosqlite.connect(path, isolation_level=None, cached_statements=256)
    connection.row_factory = sqlite3.Row
    await connection.execute("PRAGMA busy_timeout = 5000")
    if read_only:
        await connection.execute("PRAGMA query_only = ON")
    else:
        await connection.execute("PRAGMA journal_mode = WAL")
        await connection.execute("PRAGMA synchronous = FULL")
        await connection.execute("PRAGMA foreign_keys = ON")
    return connection
