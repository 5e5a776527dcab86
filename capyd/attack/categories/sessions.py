"""Other sessions: their statements, their locks, their messages, their ends."""

from capyd.attack.attempt import Act, Attempt, Category, Door
from capyd.attack.expectation import NOT_PERMITTED, Answer, Observed, answered, sqlstate
from capyd.attack.field import Field
from capyd.attack.sql import observe

_SIGNALS = "PostgreSQL manual, Server Signaling Functions"


def _on_victims_backend(function: str) -> Act:
    async def act(field: Field, door: Door) -> Observed:
        async with await field.victim.connect(Door.DIRECT) as target, await field.attacker.connect(door) as session:
            return await observe(session, f"SELECT {function}({target.info.backend_pid})")

    return act


def _on_backend_of_administrator(function: str) -> Act:
    async def act(field: Field, door: Door) -> Observed:
        async with await field.attacker.connect(door) as session:
            # The daemon keeps a session of its own; background processes are not even found.
            return await observe(
                session,
                f"SELECT {function}(pid) FROM pg_stat_activity WHERE usename = '{field.names['admin']}' LIMIT 1",
            )

    return act


async def _victims_statement(field: Field, door: Door) -> Observed:
    secret = f"secret_{field.token}"
    async with await field.victim.connect(Door.DIRECT) as target, await field.attacker.connect(door) as session:
        await target.execute(f"SELECT '{secret}'".encode())
        return await observe(
            session,
            f"SELECT count(*) FROM pg_stat_activity WHERE pid = {target.info.backend_pid} AND query LIKE '%{secret}%'",
        )


async def _notify(field: Field, door: Door) -> Observed:
    async with await field.victim.connect(Door.DIRECT) as listener, await field.attacker.connect(door) as session:
        await listener.execute(f"LISTEN capy_{field.token}".encode())
        await session.execute(f"NOTIFY capy_{field.token}, 'from the attacker'".encode())
        await listener.execute(b"SELECT 1")
        heard = [notification async for notification in listener.notifies(timeout=0)]
        return answered(len(heard))


async def _advisory_lock(field: Field, door: Door) -> Observed:
    key = int(field.token[:7], 16)
    async with await field.victim.connect(Door.DIRECT) as target, await field.attacker.connect(door) as session:
        await session.execute(f"BEGIN; SELECT pg_advisory_xact_lock({key})".encode())
        return await observe(target, f"SELECT pg_try_advisory_lock({key})")


async def _snapshot(field: Field, door: Door) -> Observed:
    async with await field.victim.connect(Door.DIRECT) as target, await field.attacker.connect(door) as session:
        await target.execute(b"BEGIN ISOLATION LEVEL REPEATABLE READ")
        row = await (await target.execute(b"SELECT pg_export_snapshot()")).fetchone()
        await session.execute(b"BEGIN ISOLATION LEVEL REPEATABLE READ")
        return await observe(session, f"SET TRANSACTION SNAPSHOT '{row[0] if row else ''}'")


async def _large_object(field: Field, door: Door) -> Observed:
    number = 1_000_000_000 + int(field.token[:6], 16)
    async with await field.victim.connect(Door.DIRECT) as target, await field.attacker.connect(door) as session:
        await target.execute(f"SELECT lo_from_bytea({number}, 'secret')".encode())
        await target.execute(f"GRANT ALL ON LARGE OBJECT {number} TO PUBLIC".encode())
        try:
            return await observe(session, f"SELECT lo_get({number})")
        finally:
            await target.execute(f"SELECT lo_unlink({number})".encode())


async def _other_database(field: Field, door: Door) -> Observed:
    async with await field.attacker.connect(door) as session:
        return await observe(session, f"SELECT * FROM {field.victim.database}.pg_catalog.pg_class")


SESSIONS = Category(
    "sessions and objects of others",
    "other sessions: their statements, locks, messages, and ends; objects in other databases",
    (
        Attempt("end_victims_session", "SELECT pg_terminate_backend(<the victim's>)",
                _on_victims_backend("pg_terminate_backend"), NOT_PERMITTED, "no membership, no pg_signal_backend", _SIGNALS),
        Attempt("cancel_victims_statement", "SELECT pg_cancel_backend(<the victim's>)",
                _on_victims_backend("pg_cancel_backend"), NOT_PERMITTED, "no membership, no pg_signal_backend", _SIGNALS),
        Attempt("log_victims_memory", "SELECT pg_log_backend_memory_contexts(<the victim's>)",
                _on_victims_backend("pg_log_backend_memory_contexts"), NOT_PERMITTED, "EXECUTE is a superuser's", _SIGNALS),
        Attempt("cancel_administrators_statement", "SELECT pg_cancel_backend(<the daemon's>)",
                _on_backend_of_administrator("pg_cancel_backend"), NOT_PERMITTED, "a superuser's session", _SIGNALS),
        Attempt("statement_of_victim", "read the victim's statement in pg_stat_activity", _victims_statement, Answer("0"),
                "no pg_read_all_stats", "PostgreSQL manual, pg_stat_activity"),
        Attempt("notify_victim", "NOTIFY a channel that the victim listens to", _notify, Answer("0"),
                "channels are a database's own", "PostgreSQL manual, NOTIFY"),
        Attempt("advisory_lock_of_victim", "take an advisory lock that the victim takes too", _advisory_lock,
                Answer("True"), "advisory locks are a database's own", "facts §6"),
        Attempt("snapshot_of_victim", "SET TRANSACTION SNAPSHOT <the victim's>", _snapshot,
                sqlstate("22023", "55000", "0A000"), "snapshots are a database's own",
                "PostgreSQL manual, Snapshot Synchronization"),
        Attempt("large_object_of_victim", "read a large object that the victim opened to everybody", _large_object,
                sqlstate("42704"), "large objects are a database's own", "PostgreSQL manual, Large Objects"),
        Attempt("query_another_database", "SELECT * FROM {victim}.pg_catalog.pg_class", _other_database,
                sqlstate("0A000"), "no references across databases", "PostgreSQL manual, Databases"),
    ),
)  # fmt: skip
