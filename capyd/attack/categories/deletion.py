"""What a tenant leaves behind so that it, or a neighbour, cannot be deleted. The last attempts: nothing is left after."""

import asyncio
import contextlib

import psycopg

from capyd.attack.attempt import API, Attempt, Category, Door
from capyd.attack.canary import Canary
from capyd.attack.expectation import Answer, Observed
from capyd.attack.field import Field
from capyd.attack.sql import spelled

_GONE = Answer("completed")
_IN_NEIGHBOURS_WAY = (
    "BEGIN",
    # Each keeps a lock on the neighbour's role or database until the transaction ends, which it does not.
    "SET LOCAL idle_in_transaction_session_timeout = 0",
    "SET LOCAL ROLE NONE",
    "ALTER ROLE {own} IN DATABASE {victim} SET lock_timeout = '1s'",
    "RESET ROLE",
    "CREATE TABLE capy_d_{token}.b (id int)",
    "GRANT ALL ON capy_d_{token}.b TO {victim}, {victim_owner}",
    "CREATE POLICY capy_b ON capy_d_{token}.b TO {victim_owner}",
    "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO {victim_owner}",
)
_COMMITTED = (
    # The tenant may have no `public` any more.
    "CREATE SCHEMA capy_d_{token}",
    "CREATE TABLE capy_d_{token}.c (id int)",
    "GRANT ALL ON capy_d_{token}.c TO {victim}, {victim_owner}",
    "CREATE POLICY capy_c ON capy_d_{token}.c TO {victim_owner}",
    "ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO {victim_owner}",
)
_IN_OWN_WAY = (
    "BEGIN",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
    "SET LOCAL ROLE NONE",
    "ALTER ROLE {own} SET lock_timeout = '1s'",
    "ALTER ROLE {own} PASSWORD NULL",
    "CREATE TEMPORARY TABLE capy_e_{token} (id int)",
    "LISTEN capy_{token}",
)
_PREPARED = ("BEGIN", "SET LOCAL ROLE NONE", "ALTER ROLE {own} SET lock_timeout = '2s'", "CREATE TABLE capy_d_{token}.p (id int)",
             "PREPARE TRANSACTION 'capy_{token}'")  # fmt: skip


async def _run(field: Field, session: psycopg.AsyncConnection[tuple[object, ...]], statements: tuple[str, ...]) -> None:
    for statement in statements:
        await session.execute(spelled(statement, field).encode())


async def _delete_victim(field: Field, door: Door) -> Observed:
    async with await field.attacker.connect(Door.DIRECT) as first, await field.attacker.connect(Door.DIRECT) as held:
        await _run(field, first, _COMMITTED)
        await _run(field, held, _IN_NEIGHBOURS_WAY)
        try:
            return await field.daemon.delete_project(field.victim.project_id)
        finally:
            # The daemon may have ended it, which is its right.
            with contextlib.suppress(psycopg.Error):
                await held.rollback()


async def _keep_coming(canary: Canary) -> None:
    while True:
        with contextlib.suppress(psycopg.OperationalError):
            async with await canary.connect(Door.DIRECT, connect_timeout=2) as session:
                await session.execute(b"BEGIN; SELECT 1")
        # What a client in a loop does; without it this one would keep the daemon's own loop from its turn.
        await asyncio.sleep(0.05)


async def _delete_attacker(field: Field, door: Door) -> Observed:
    prepared = await field.attacker.connect(Door.DIRECT)
    held = await field.attacker.connect(Door.DIRECT)
    with contextlib.suppress(psycopg.Error):
        # Where the cluster allows none (its default), there is nothing to leave behind.
        await _run(field, prepared, _PREPARED)
    with contextlib.suppress(psycopg.Error):
        await prepared.execute(b"ROLLBACK")
        await prepared.execute(b"SET lock_timeout = '100ms'")
    with contextlib.suppress(psycopg.errors.LockNotAvailable):
        await _run(field, held, _IN_OWN_WAY)
    coming = asyncio.create_task(_keep_coming(field.attacker))
    try:
        return await field.daemon.delete_project(field.attacker.project_id)
    finally:
        coming.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await coming
        await held.close()
        await prepared.close()


DELETION = Category(
    "deletion",
    "what is left behind so that a tenant cannot be deleted",
    (
        Attempt("keep_the_neighbour", "locks on the neighbour's role and database, in a transaction without end; then the"
                " neighbour is deleted", _delete_victim, _GONE, "sessions in the way of a deletion are ended", "facts §2, §3",
                doors=API),
        Attempt("keep_itself", "a prepared transaction, open ones, logins in a loop; then it is deleted", _delete_attacker,
                _GONE, "shut out first, obstacles cleared, then dropped", "facts §2", doors=API),
    ),
)  # fmt: skip
