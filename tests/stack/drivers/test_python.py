"""Python's drivers, each given the URL in its documented way (docs/connecting.md)."""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pg8000.dbapi
import pg8000.native
import psycopg
import psycopg2
import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine

from tests.stack.drivers.conftest import Way

CLIENTS = 6
QUERIES = 12
"""Enough for drivers that prepare what comes again, and for clients to meet each other's server connections."""


async def in_turn(clients: list[Any], ask: Callable[[Any, int], Any]) -> None:
    """Every client asks once before the first asks again, some of them at once: no server connection stays with one."""
    for number in range(QUERIES):
        at_once = number % len(clients) + 1
        for first in range(0, len(clients), at_once):
            group = clients[first : first + at_once]
            answers = await asyncio.gather(*(ask(client, number) for client in group))
            assert answers == [number] * len(group)


def own_query(client: object, clients: list[Any], placeholder: str) -> str:
    """A query that no other client asks: drivers give the same names to what they prepare, whatever it is."""
    return f"SELECT {placeholder}::int, session_user, {clients.index(client)}"


def psycopg_options(way: Way) -> dict[str, Any]:
    return {} if way.can_name_statements else {"prepare_threshold": None}


async def use_psycopg(way: Way, options: dict[str, Any]) -> None:
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(await psycopg.AsyncConnection.connect(way.url, **options))
            for _ in range(CLIENTS)
        ]

        async def ask(client: psycopg.AsyncConnection, number: int) -> int:
            async with client.transaction():
                cursor = await client.execute(own_query(client, clients, "%s"), [number])
                got, login, who = await cursor.fetchone()
            assert (login, who) == (way.login, clients.index(client))
            return int(got)

        await in_turn(clients, ask)


def asyncpg_options(way: Way) -> dict[str, Any]:
    return {} if way.can_name_statements else {"statement_cache_size": 0}


async def use_asyncpg(way: Way, options: dict[str, Any]) -> None:
    async with AsyncExitStack() as stack:
        clients = [await asyncpg.connect(way.url, **options) for _ in range(CLIENTS)]
        for client in clients:
            stack.push_async_callback(client.close)

        async def ask(client: asyncpg.Connection, number: int) -> int:
            got, login, who = await client.fetchrow(own_query(client, clients, "$1"), number)
            assert (login, who) == (way.login, clients.index(client))
            return int(got)

        await in_turn(clients, ask)
        async with clients[0].transaction():
            await clients[0].execute("CREATE TEMPORARY TABLE of_asyncpg (i int) ON COMMIT DROP")
            await clients[0].copy_records_to_table("of_asyncpg", records=[(1,), (2,)])


async def test_psycopg(way: Way) -> None:
    await use_psycopg(way, psycopg_options(way))


async def test_asyncpg(way: Way) -> None:
    await use_asyncpg(way, asyncpg_options(way))


async def test_the_switch_for_prepared_statements_is_needed_where_we_say_so(way: Way) -> None:
    if way.can_name_statements:
        pytest.skip("not here: the tests above run without it")
    with pytest.raises(
        (psycopg.errors.InvalidSqlStatementName, psycopg.errors.DuplicatePreparedStatement, AssertionError)
    ):
        await use_psycopg(way, {})
    with pytest.raises((asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError)):
        await use_asyncpg(way, {})


def test_psycopg2(way: Way) -> None:
    clients = [psycopg2.connect(way.url) for _ in range(CLIENTS)]
    for number in range(QUERIES):
        for client in clients:
            with client, client.cursor() as cursor:
                cursor.execute("SELECT %s, session_user", [number])
                assert cursor.fetchone() == (number, way.login)
    for client in clients:
        client.close()


def pg8000_options(way: Way, context: ssl.SSLContext | None) -> dict[str, Any]:
    """It takes no URL but its parts."""
    parts = urlsplit(way.url)
    return {
        "user": parts.username,
        "password": parts.password,
        "host": parts.hostname,
        "port": parts.port,
        "database": parts.path.removeprefix("/"),
        "ssl_context": context,
    }


def unverified() -> ssl.SSLContext:
    """What sslmode=require means."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def test_pg8000(way: Way) -> None:
    options = pg8000_options(way, None if way.authority is None else unverified())
    clients = [pg8000.native.Connection(**options) for _ in range(CLIENTS)]
    for number in range(QUERIES):
        for client in clients:
            assert client.run("SELECT :number ::int, session_user", number=number) == [[number, way.login]]
    for client in clients:
        client.close()
    with pg8000.dbapi.connect(**options) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT %s::int", [1])
        assert cursor.fetchone()[0] == 1


def test_sqlalchemy_with_the_url_as_it_is(way: Way) -> None:
    ask_through(sqlalchemy.create_engine(way.url, connect_args=psycopg_options(way)), way)


def test_sqlalchemy_with_psycopg2(way: Way) -> None:
    url = sqlalchemy.make_url(way.url).set(drivername="postgresql+psycopg2")
    ask_through(sqlalchemy.create_engine(url), way)


def test_sqlalchemy_with_pg8000(way: Way) -> None:
    url = sqlalchemy.make_url(way.url).set(drivername="postgresql+pg8000").difference_update_query(["sslmode"])
    context = None if way.authority is None else unverified()
    ask_through(sqlalchemy.create_engine(url, connect_args={"ssl_context": context}), way)


async def test_sqlalchemy_with_asyncpg(way: Way) -> None:
    url = sqlalchemy.make_url(way.url).set(drivername="postgresql+asyncpg")
    url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": url.query["sslmode"]})
    options: dict[str, Any] = {}
    if not way.can_name_statements:
        options = {
            "prepared_statement_cache_size": 0,
            "statement_cache_size": 0,
            "prepared_statement_name_func": lambda: f"__asyncpg_{uuid4()}__",
        }
    engine = create_async_engine(url, pool_size=CLIENTS, connect_args=options)
    clients = [await engine.connect() for _ in range(CLIENTS)]

    async def ask(client: Any, number: int) -> int:
        async with client.begin():
            row = await client.execute(sqlalchemy.text("SELECT cast(:number AS int)"), {"number": number})
            return int(row.scalar_one())

    await in_turn(clients, ask)
    for client in clients:
        await client.close()
    await engine.dispose()


def ask_through(engine: sqlalchemy.Engine, way: Way) -> None:
    clients = [engine.connect() for _ in range(4)]
    for number in range(QUERIES):
        for client in clients:
            with client.begin():
                row = client.execute(sqlalchemy.text("SELECT cast(:number AS int), session_user"), {"number": number})
                assert row.one() == (number, way.login)
    for client in clients:
        client.close()
    engine.dispose()


@pytest.mark.parametrize("connect", [psycopg.connect, psycopg2.connect], ids=["psycopg", "psycopg2"])
def test_libpq_verifies(connect: Callable[[str], Any], way: Way, authority: Path) -> None:
    connect(way.verifying()).close()
    with pytest.raises((psycopg.OperationalError, psycopg2.OperationalError), match="certificate verify failed"):
        connect(way.verifying(way.stranger))


async def test_asyncpg_verifies(way: Way, authority: Path) -> None:
    await (await asyncpg.connect(way.verifying())).close()
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncpg.connect(way.verifying(way.stranger))


def test_pg8000_verifies(way: Way, authority: Path) -> None:
    pg8000.native.Connection(**pg8000_options(way, ssl.create_default_context(cafile=authority))).close()
    with pytest.raises(ssl.SSLCertVerificationError):
        pg8000.native.Connection(**pg8000_options(way, ssl.create_default_context(cafile=way.stranger)))


def test_sqlalchemy_verifies(way: Way, authority: Path) -> None:
    ask_through(sqlalchemy.create_engine(way.verifying(), connect_args=psycopg_options(way)), way)
    with pytest.raises(sqlalchemy.exc.OperationalError, match="certificate verify failed"):
        sqlalchemy.create_engine(way.verifying(way.stranger)).connect()
