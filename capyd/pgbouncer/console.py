"""PgBouncer's admin console: SQL's looks, its own commands, the simple query protocol."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import AsyncClientCursor, AsyncConnection
from psycopg.rows import DictRow, dict_row

from capyd.config.settings import PoolerSettings
from capyd.domain.failures import PoolerUnreachableError
from capyd.domain.secret import Secret
from capyd.pgbouncer.render import CONSOLE_USER
from capyd.pgbouncer.version import Version, missing, parse_version
from capyd.runtime.failpoints import failpoints

_CONNECT_SECONDS = 2
# The console answers at once, RELOAD of thousands of entries too. One that does not is frozen, and as good as away.
_ANSWER_SECONDS = 5


class CommandError(Exception):
    """The console refused a command; its text is PgBouncer's."""


class Console:
    """One session on the console."""

    def __init__(self, connection: AsyncConnection[DictRow]) -> None:
        self._connection = connection

    async def version(self) -> Version:
        """The running program's."""
        (row,) = await self.show("VERSION")
        return parse_version(str(row["version"]))

    async def show(self, what: str) -> list[dict[str, Any]]:
        """The rows of `SHOW <what>`."""
        cursor = await self._execute(f"SHOW {what}")
        return await cursor.fetchall()

    async def reload(self) -> None:
        """Read the files again. PgBouncer 1.18 has no error for a bad line, so look at the effect afterwards."""
        await self._change("reload", "RELOAD")

    async def command(self, verb: str, database: str) -> None:
        """`verb` the database: RECONNECT, DISABLE, ENABLE, KILL, RESUME.

        Raises:
            CommandError: there is no such database, or it is in no state for that.
        """
        await self._change(verb.lower(), f'{verb} "{database}"')

    async def _change(self, name: str, text: str) -> None:
        if failpoints.active:
            await failpoints.reach(f"pooler.{name}.before")
        await self._execute(text)
        if failpoints.active:
            await failpoints.reach(f"pooler.{name}.after")

    async def _execute(self, text: str) -> AsyncClientCursor[DictRow]:
        cursor = AsyncClientCursor(self._connection, row_factory=dict_row)
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                # No driver's placeholder can be meant: the console takes none.
                return await cursor.execute(text.encode())
        except TimeoutError:
            raise PoolerUnreachableError(
                f"the pooler's console has not answered within {_ANSWER_SECONDS} s", detail=f"it was told: {text}"
            ) from None
        except psycopg.OperationalError as error:
            raise PoolerUnreachableError(
                "the pooler's console has gone away", detail=" ".join(str(error).split())
            ) from None
        except psycopg.Error as error:
            raise CommandError(error.diag.message_primary or str(error)) from None


@asynccontextmanager
async def open_console(settings: PoolerSettings, password: Secret) -> AsyncIterator[Console]:
    """A session on the console, over the pooler's Unix socket.

    Raises:
        PoolerUnreachableError: the pooler does not answer, or its program is not there at all.
    """
    try:
        connection = await AsyncConnection.connect(
            host=str(settings.socket_dir),
            port=settings.port,
            dbname="pgbouncer",
            user=CONSOLE_USER,
            password=password.reveal(),
            connect_timeout=_CONNECT_SECONDS,
            autocommit=True,
            row_factory=dict_row,
        )
    except psycopg.Error as error:
        if shutil.which(settings.binary) is None:
            raise missing(settings.binary) from None
        raise PoolerUnreachableError(
            f"the pooler does not answer on its socket in {settings.socket_dir}, port {settings.port}",
            detail=" ".join(str(error).split()),
        ) from None
    async with connection:
        yield Console(connection)
