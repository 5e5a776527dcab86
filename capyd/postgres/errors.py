"""What PostgreSQL's errors mean for a step: by SQLSTATE and type, never by their text."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import psycopg
from psycopg import errors

from capyd.domain.failures import PermanentError, StepError, TransientError, UnreachableError

# Classes (two characters) and single conditions of the SQLSTATE table; a single condition wins over its class.
_UNREACHABLE = {
    "08",  # connection exception
    "57P01",  # admin_shutdown
    "57P02",  # crash_shutdown
    "57P03",  # cannot_connect_now
    "53300",  # too_many_connections
    "25006",  # read_only_sql_transaction: the primary has become a standby
}
_TRANSIENT = {
    "40",  # transaction rollback: serialization, deadlock
    "53",  # insufficient resources: disk, memory
    "55006",  # object_in_use
    "55P03",  # lock_not_available
    "57014",  # query_canceled: statement_timeout
    "57P05",  # idle_session_timeout
    "25P03",  # idle_in_transaction_session_timeout
    "25P04",  # transaction_timeout
    "58",  # system error: I/O
    "XX",  # internal error, concurrent catalog updates among them
}

_CONCURRENT_UPDATE = ("tuple concurrently updated", "tuple concurrently deleted")
_CONCURRENT_ATTEMPTS = 6
_CONCURRENT_PAUSE_SECONDS = 0.01

Result = TypeVar("Result")


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise the block's psycopg errors as failures of the step `what`, an infinitive: "claim a spare".

    Raises:
        UnreachableError: the server is away, starting, stopping, full or a standby.
        TransientError: a lock, a deadline, a concurrent change, a full disk.
        PermanentError: everything else.
    """
    try:
        yield
    except psycopg.Error as error:
        # Without the cause: psycopg's own text quotes the statement, and a statement may hold a verifier.
        raise failure_of(error, what) from None


def failure_of(error: psycopg.Error, what: str) -> StepError:
    """The failure that `error` is, said about the step `what`."""
    words = error.diag.message_primary or _words_without_diagnostics(error)
    detail = _detail(error, words)
    kind = _kind(error)
    if kind is UnreachableError:
        return UnreachableError(f"PostgreSQL did not answer when asked to {what}: {words}", detail=detail)
    if kind is TransientError:
        return TransientError(f"PostgreSQL could not {what} now: {words}", detail=detail)
    return PermanentError(f"PostgreSQL refused to {what}: {words}", detail=detail)


async def retried_on_concurrent_update(operation: Callable[[], Awaitable[Result]]) -> Result:
    """Run a whole transaction, again when another one changed the same catalog row meanwhile.

    PostgreSQL does not queue such changes as it does with tables: the later one fails with XX000. Only the
    text tells this from a corrupt catalog, so it is compared here: internal errors are never translated.
    """
    for attempt in range(_CONCURRENT_ATTEMPTS):
        try:
            return await operation()
        except errors.InternalError_ as error:
            if error.diag.message_primary not in _CONCURRENT_UPDATE or attempt == _CONCURRENT_ATTEMPTS - 1:
                raise
        await asyncio.sleep(_CONCURRENT_PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1.5))  # noqa: S311  (jitter)
    raise AssertionError("the last attempt returns or raises")


def _kind(error: psycopg.Error) -> type[StepError]:
    if error.sqlstate is None:
        # No server spoke: the connection could not be made, or broke; anything else is a misuse of the driver.
        broken = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        return UnreachableError if broken else PermanentError
    for key in (error.sqlstate, error.sqlstate[:2]):
        if key in _UNREACHABLE:
            return UnreachableError
        if key in _TRANSIENT:
            return TransientError
    return PermanentError


def _words_without_diagnostics(error: psycopg.Error) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _detail(error: psycopg.Error, words: str) -> str:
    """All that the server said, except what could quote a statement (context, internal query, position).

    About a row that a constraint refuses, DETAIL quotes the whole row; the ledger's hold verifiers.
    """
    diagnostics = error.diag
    about_the_ledger = diagnostics.schema_name == "capyd"
    parts = [
        ("", f"{diagnostics.severity or 'ERROR'}: {words}"),
        ("SQLSTATE: ", error.sqlstate),
        ("DETAIL: ", None if about_the_ledger else diagnostics.message_detail),
        ("HINT: ", diagnostics.message_hint),
    ]
    return "\n".join(f"{label}{text}" for label, text in parts if text)
