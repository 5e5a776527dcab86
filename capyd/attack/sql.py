"""Attempts that are statements in a session of the attacker's."""

from collections.abc import Iterable

import psycopg

from capyd.attack.attempt import BOTH, Act, Attempt, Door
from capyd.attack.canary import Session
from capyd.attack.expectation import NOT_PERMITTED, Answer, Expectation, Observed, answered, refused
from capyd.attack.field import Field


def forbidden(
    name: str,
    statement: str,
    *,
    held_by: str,
    source: str,
    expects: Expectation = NOT_PERMITTED,
    prepare: Iterable[str] = (),
    doors: tuple[Door, ...] = BOTH,
    since: int = 0,
) -> Attempt:
    """`statement` must be refused. `prepare` goes before it, in one transaction that is rolled back."""
    return Attempt(name, statement, _act(statement, tuple(prepare)), expects, held_by, source, doors=doors, since=since)


def harmless(
    name: str,
    statements: Iterable[str],
    *,
    shows: str,
    answer: str,
    held_by: str,
    source: str,
    doors: tuple[Door, ...] = BOTH,
    unbound: str | None = None,
    since: int = 0,
) -> Attempt:
    """`statements` may succeed, and the query `shows` must then say `answer`: it was of no use. Rolled back."""
    before = tuple(statements)
    tries = "; ".join([*before, shows])
    return Attempt(
        name,
        tries,
        _act(shows, before, always_rolled_back=True),
        Answer(answer),
        held_by,
        source,
        doors=doors,
        unbound=unbound,
        since=since,
    )


async def observe(session: Session, statement: str) -> Observed:
    """Run it, and tell what came of it: the first value of the first row, or the refusal."""
    try:
        cursor = await session.execute(statement.encode())
        row = await cursor.fetchone() if cursor.description else None
    except psycopg.Error as error:
        return refused(error.diag.message_primary or " ".join(str(error).split()), error.sqlstate)
    return answered(row[0] if row else "")


def spelled(statement: str, field: Field) -> str:
    """The statement with the names of this field. They are plain identifiers, and quoting changes nothing."""
    return statement.format_map(field.names)


def _act(statement: str, prepare: tuple[str, ...], *, always_rolled_back: bool = False) -> Act:
    async def act(field: Field, door: Door) -> Observed:
        async with field.sessions.borrow(door) as session:
            if not prepare and not always_rolled_back:
                observed = await observe(session, spelled(statement, field))
            else:
                # In one transaction, and so over one server connection through the pooler too.
                await session.execute(b"BEGIN")
                observed = await _prepared(session, [spelled(each, field) for each in prepare])
                if not observed.refused:
                    observed = await observe(session, spelled(statement, field))
                await session.execute(b"ROLLBACK")
        if not observed.refused and not always_rolled_back:
            await field.sessions.spoil(door)
        return observed

    return act


async def _prepared(session: Session, statements: list[str]) -> Observed:
    for statement in statements:
        observed = await observe(session, statement)
        if observed.refused:
            return refused(f"not even prepared: {observed.words}", "prepare")
    return answered()
