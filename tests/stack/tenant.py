"""A project's database as its tenant sees it: over a connection URL, with psycopg."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

CONNECT_SECONDS = 20


@asynccontextmanager
async def session(url: str, **replaced: Any) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """An autocommitting session; `replaced` parameters stand in for the URL's."""
    # Through a pooler in transaction mode a prepared statement may meet another server connection.
    async with await psycopg.AsyncConnection.connect(
        url, autocommit=True, prepare_threshold=None, connect_timeout=CONNECT_SECONDS, **replaced
    ) as connection:
        yield connection


async def ask(url: str, query: str, **replaced: Any) -> Any:
    """The one value that a query of its own session returns."""
    async with session(url, **replaced) as connection:
        return await value(connection, query)


async def value(connection: psycopg.AsyncConnection[Any], query: str) -> Any:
    """The one value that the query returns."""
    row = await (await connection.execute(query)).fetchone()
    assert row is not None
    return row[0]


async def refusal(url: str, **replaced: Any) -> str:
    """Why a login is refused; it must be."""
    try:
        async with session(url, **replaced):
            pass
    except psycopg.OperationalError as error:
        return str(error)
    raise AssertionError(f"let in: {parts(url) | replaced | {'password': '***'}}")


def parts(url: str) -> dict[str, Any]:
    """The parameters of a connection URL: user, password, host, port, dbname, sslmode."""
    return conninfo_to_dict(url)
