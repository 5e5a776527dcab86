"""Administrative connections: how they are made, and what each of them is pinned to."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from capyd.config.settings import PostgresSettings
from capyd.domain.failures import PermanentError, StepError, TransientError, UnreachableError
from capyd.postgres.admin_connection import AdminConnection
from capyd.postgres.errors import failure_of

LEDGER_DATABASE = "capyd"
"""The private database that says which tenants there are."""

Connection = AsyncConnection[TupleRow]

_APPLICATION_NAME = "capyd"
_CONNECT_SECONDS = 2
_POOL_WAIT_SECONDS = 2.0
_LEDGER_STATEMENT = timedelta(seconds=30)
# CREATE and DROP DATABASE, extension scripts: a checkpoint on a busy disk takes minutes.
_SLOW_STATEMENT = timedelta(minutes=5)
EVENT_TRIGGERS_CAN_BE_OFF = 170000
"""The first server version that has the parameter `event_triggers`."""


class AdminConnections:
    """The ways into one cluster, as its administrator, over its Unix socket.

    Every session is pinned in its startup packet, before anything of the database's can run: a tenant may
    set `search_path` for its database and shadow a built-in function, and a superuser's query would call it.
    All connections are in autocommit mode; take `connection.transaction()` for more than one statement.
    """

    def __init__(self, settings: PostgresSettings) -> None:
        self._settings = settings
        self._server_version: int | None = None
        self._pool = _new_pool(
            "ledger", self._conninfo(LEDGER_DATABASE, _LEDGER_STATEMENT), max_size=settings.max_admin_connections
        )
        # As many as databases are built at a time; given back when none has been for a while.
        self._builders = _new_pool("builders", self._conninfo("postgres", _SLOW_STATEMENT), max_size=2, max_idle=30)

    async def open(self) -> None:
        """Get ready. Succeeds with the server down: each use finds out for itself."""
        await self._pool.open(wait=False)
        await self._builders.open(wait=False)

    async def close(self) -> None:
        """End the pooled sessions."""
        await self._pool.close()
        await self._builders.close()

    @asynccontextmanager
    async def ledger(self) -> AsyncIterator[Connection]:
        """A pooled connection to the ledger. Never wait for anything slow while holding one.

        Raises:
            UnreachableError: the server does not let us in; known within two seconds, or four if it does not speak.
            TransientError: all connections stayed in use.
        """
        async with self._pooled(self._pool) as connection:
            yield connection

    @asynccontextmanager
    async def building(self) -> AsyncIterator[Connection]:
        """A pooled connection to `postgres`, for CREATE DATABASE: in a burst, logging in for each is felt.

        Raises:
            UnreachableError: the server does not let us in.
            TransientError: all connections stayed in use.
        """
        async with self._pooled(self._builders) as connection:
            yield connection

    @asynccontextmanager
    async def _pooled(self, pool: AsyncConnectionPool[Connection]) -> AsyncIterator[Connection]:
        async with AsyncExitStack() as stack:
            try:
                connection = await stack.enter_async_context(pool.connection())
            except PoolTimeout:
                raise await self._why_no_connection(pool) from None
            yield connection

    @asynccontextmanager
    async def maintenance(self) -> AsyncIterator[Connection]:
        """A new connection to the database `postgres`, for statements about databases.

        Raises:
            UnreachableError: the server does not let us in.
        """
        async with await self._connect("postgres") as connection:
            self._server_version = connection.info.server_version
            yield connection

    async def standing(self, application_name: str, database: str = "postgres") -> Connection:
        """A new session, for the caller to keep and to close; the server shows it under this name.

        Raises:
            UnreachableError: the server does not let us in.
        """
        return await self._connect(database, application_name)

    @asynccontextmanager
    async def database(self, name: str) -> AsyncIterator[Connection]:
        """A new connection to the database `name`, ended with the block: an idle one would hinder its drop.

        Raises:
            PermanentError: there is no such database.
            UnreachableError: the server does not let us in.
        """
        if self._server_version is None:
            async with self.maintenance():
                pass
        try:
            connection = await self._connect(name)
        except UnreachableError:
            await self._require_database(name)
            raise
        async with connection:
            yield connection

    async def _connect(self, database: str, application_name: str = _APPLICATION_NAME) -> Connection:
        try:
            return await AdminConnection.connect(
                self._conninfo(database, _SLOW_STATEMENT, application_name), autocommit=True
            )
        except psycopg.Error as error:
            raise failure_of(error, f"let {self._settings.admin_role} into the database {database}") from None

    async def _require_database(self, name: str) -> None:
        async with self.maintenance() as connection:
            cursor = await connection.execute("SELECT FROM pg_catalog.pg_database WHERE datname = %s", [name])
            if not cursor.rowcount:
                raise PermanentError(f"there is no database {name} on this cluster")

    async def _why_no_connection(self, pool: AsyncConnectionPool[Connection]) -> StepError:
        """The server's own words, which the pool keeps to itself."""
        try:
            connection = await self._connect(LEDGER_DATABASE)
        except UnreachableError as error:
            return error
        await connection.close()
        return TransientError(f"all {pool.max_size} administrative connections are in use")

    def _conninfo(self, database: str, statement_timeout: timedelta, application_name: str = _APPLICATION_NAME) -> str:
        pinned = {
            "search_path": "pg_catalog,pg_temp",
            "statement_timeout": f"{statement_timeout // timedelta(milliseconds=1)}",
            "lock_timeout": "10000",
            "idle_in_transaction_session_timeout": "60000",
            "idle_session_timeout": "0",
            "default_transaction_read_only": "off",
            # Where pg_stat_statements is loaded it would keep the texts of our statements, verifiers included.
            "pg_stat_statements.track_utility": "off",
        }
        # Unknown before 17, where it would end the connection. Only administrators get into the ledger and
        # `postgres`, so it matters in tenants' databases alone, and there the version is known.
        if self._server_version is not None and self._server_version >= EVENT_TRIGGERS_CAN_BE_OFF:
            pinned["event_triggers"] = "off"
        return psycopg.conninfo.make_conninfo(
            host=str(self._settings.socket_dir),
            port=self._settings.port,
            user=self._settings.admin_role,
            dbname=database,
            connect_timeout=_CONNECT_SECONDS,
            application_name=application_name,
            client_encoding="UTF8",
            options=" ".join(f"-c {name}={value}" for name, value in pinned.items()),
        )


def _new_pool(name: str, conninfo: str, *, max_size: int, max_idle: float = 600) -> AsyncConnectionPool[Connection]:
    return AsyncConnectionPool(
        conninfo,
        connection_class=AdminConnection,
        kwargs={"autocommit": True},
        # None is kept or tried for before it is asked for: the server, or the database, may not be there yet.
        min_size=0,
        max_size=max_size,
        max_idle=max_idle,
        check=AsyncConnectionPool.check_connection,
        timeout=_POOL_WAIT_SECONDS,
        reconnect_timeout=_POOL_WAIT_SECONDS / 2,
        open=False,
        name=name,
    )
