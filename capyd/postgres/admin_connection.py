"""A connection with failpoints around each statement that changes something, and around each commit."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection, AsyncCursor, AsyncTransaction
from psycopg.abc import Params
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composed

from capyd.runtime.failpoints import failpoints

_READS = ("select", "show")


class AdminConnection(AsyncConnection[TupleRow]):
    """psycopg's connection, and nothing more while failpoints are off."""

    async def execute(
        self, query: Any, params: Params | None = None, *, prepare: bool | None = None, binary: bool = False
    ) -> AsyncCursor[TupleRow]:
        """As psycopg's."""
        point = _point(query) if failpoints.active else None
        if point is None:
            return await super().execute(query, params, prepare=prepare, binary=binary)
        await failpoints.reach(f"{point}.before")
        cursor = await super().execute(query, params, prepare=prepare, binary=binary)
        await failpoints.reach(f"{point}.after")
        return cursor

    @asynccontextmanager
    async def transaction(self, *arguments: Any, **options: Any) -> AsyncIterator[AsyncTransaction]:
        """As psycopg's."""
        async with super().transaction(*arguments, **options) as transaction:
            yield transaction
            if failpoints.active:
                await failpoints.reach("postgres.commit.before")
        if failpoints.active:
            await failpoints.reach("postgres.commit.after")


def _point(query: str | bytes | SQL | Composed) -> str | None:
    """`postgres.alter_role` for `ALTER ROLE ...`, `postgres.script` for bytes; None for a statement that reads."""
    if isinstance(query, bytes):
        return "postgres.script"
    first = next(iter(query), None) if isinstance(query, Composed) else query
    text = first.as_string() if isinstance(first, SQL) else str(first)
    verb, *more = text.lower().split()[:2] or [""]
    if not verb or verb in _READS:
        return None
    return "_".join(["postgres." + verb, *filter(str.isalpha, more)])
