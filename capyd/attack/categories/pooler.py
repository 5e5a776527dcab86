"""The pooler: its console, its entries, and packets that no driver sends."""

import struct

import psycopg

from capyd.attack.attempt import BOTH, POOLED, Act, Attempt, Category, Door
from capyd.attack.expectation import Answer, Either, Expectation, Observed, Refusal, refused
from capyd.attack.field import Field
from capyd.attack.logins import login
from capyd.attack.sql import forbidden, observe, spelled
from capyd.attack.wire import observe_packet, observe_startup

_PAIRS = "an HBA line a pair of database and login"
_CONSOLE = "the console is its own user's, over the Unix socket alone"
_NO_SUCH = Refusal(words=("login rejected", "no such database", "no authentication method", "no such user",
                          "password authentication failed", "too long", "database name"), label="by the pooler")  # fmt: skip
_NOT_ALLOWED = Refusal(words=("login rejected", "no authentication method", "not allowed"), label="by the pooler")
_NOT_LET_IN = Either((_NO_SUCH, Answer("hung up"), Refusal(frozenset({"08P01"})), Refusal(frozenset({"3D000"}))))
_PARAMETER = Refusal(words=("unsupported startup parameter", "unsupported startup"))


def _startup(
    name: str, parameters: dict[str, str], expects: Expectation, *, held_by: str, source: str = "facts §11"
) -> Attempt:
    """A startup packet with the attacker's names, but for those that `parameters` replace."""

    async def act(field: Field, door: Door) -> Observed:
        sent = {"user": field.attacker.login, "database": field.attacker.database}
        sent |= {key: spelled(value, field) for key, value in parameters.items()}
        observed = await observe_startup(field, door, tuple(sent.items()))
        return await _unless_harmed(field, observed)

    tries = "startup packet with " + ", ".join(f"{key}={value[:40]!r}" for key, value in parameters.items())
    return Attempt(name, tries, act, expects, held_by, source, doors=POOLED)


def _packet(name: str, packet: bytes) -> Act:
    async def act(field: Field, door: Door) -> Observed:
        return await _unless_harmed(field, await observe_packet(field, door, packet))

    return act


async def _unless_harmed(field: Field, observed: Observed) -> Observed:
    """What was observed, unless the pooler does not serve others any more."""
    try:
        async with await field.victim.connect(Door.POOLED) as session:
            await session.execute(b"SELECT 1")
    except psycopg.OperationalError as error:
        return refused(f"the pooler serves the other tenant no more: {error}")
    return observed


async def _console_command(field: Field, door: Door) -> Observed:
    async with await field.attacker.connect(door) as session:
        return await observe(session, "SHOW CLIENTS")


_SURVIVES = Either((Answer("hung up"), Refusal()))

POOLER = Category(
    "pooler",
    "the pooler's console and entries, and packets that no driver sends",
    (
        login("console", {"dbname": "pgbouncer"}, server_says="does not exist", held_by=_CONSOLE, source="facts §11",
              pooler_says=_NOT_ALLOWED),
        login("console_as_its_user", {"dbname": "pgbouncer", "user": "capyd_console"}, server_says="failed",
              held_by=_CONSOLE, source="facts §11", doors=POOLED),
        login("console_as_pgbouncer", {"dbname": "pgbouncer", "user": "pgbouncer"}, server_says="failed",
              held_by=_CONSOLE, source="facts §11", doors=POOLED, pooler_says=_NOT_ALLOWED),
        Attempt("console_command_in_own_database", "SHOW CLIENTS", _console_command, Refusal(frozenset({"42704"})),
                "the server's SHOW knows no such parameter", "facts §11", doors=BOTH),
        login("pair_own_login_victims_database", {"dbname": "{victim}"}, server_says="failed", held_by=_PAIRS,
              source="facts §0, §11", doors=POOLED),
        login("pair_victims_login_own_database", {"user": "{victim}"}, server_says="failed", held_by=_PAIRS,
              source="facts §11: forced user", doors=POOLED),
        login("wildcard_entry", {"dbname": "capy_{token}"}, server_says="does not exist",
              held_by="no wildcard among the entries", source="facts §11"),
        login("wildcard_name", {"dbname": "*"}, server_says="does not exist", held_by="no wildcard among the entries",
              source="facts §11"),
        _startup("name_with_quotes", {"database": "x\" host=/tmp user='postgres"}, _NOT_LET_IN, held_by=_PAIRS),
        _startup("name_with_line_break", {"database": "x\ny = host=/tmp"}, _NOT_LET_IN, held_by=_PAIRS),
        _startup("name_with_connection_string", {"database": "dbname={victim} user={victim}"}, _NOT_LET_IN, held_by=_PAIRS),
        _startup("name_of_63_bytes", {"database": "x" * 63}, _NOT_LET_IN, held_by=_PAIRS, source="facts §1"),
        _startup("name_that_is_cut_to_victims", {"database": "{victim}" + "x" * 300}, _NOT_LET_IN, held_by=_PAIRS,
                 source="facts §1"),
        _startup("user_with_quotes", {"user": 'x" "y'}, _NOT_LET_IN, held_by=_PAIRS),
        _startup("user_too_long", {"user": "{own}" + "x" * 300}, _NOT_LET_IN, held_by=_PAIRS, source="facts §1"),
        _startup("no_user", {"user": ""}, _NOT_LET_IN, held_by="a login has a user"),
        _startup("startup_search_path", {"search_path": "evil"}, _PARAMETER,
                 held_by="only named startup parameters are taken", source="CVE-2025-12819"),
        _startup("startup_role", {"role": "{victim}"}, _PARAMETER, held_by="only named startup parameters are taken"),
        _startup("startup_session_authorization", {"session_authorization": "{admin}"}, _PARAMETER,
                 held_by="only named startup parameters are taken"),
        _startup("startup_options", {"options": "-c session_authorization={admin}"}, _PARAMETER,
                 held_by="`options` is not among the ignored parameters"),
        _startup("startup_replication_timeout", {"statement_timeout": "0"}, _PARAMETER,
                 held_by="only named startup parameters are taken"),
        *(
            Attempt(name, tries, _packet(name, packet), _SURVIVES, "PgBouncer ends that client and goes on serving",
                    source, doors=POOLED)
            for name, tries, packet, source in (
                ("packet_that_claims_to_be_huge", "a startup packet of 2 GiB", struct.pack("!ii", 2**31 - 1, 196608),
                 "CVE-2026-6664"),
                ("packet_of_negative_length", "a startup packet of -1 bytes", struct.pack("!ii", -1, 196608),
                 "CVE-2026-6664"),
                ("packet_of_another_protocol", "protocol 9.9", struct.pack("!iHH", 9, 9, 9) + b"\0", "facts §11"),
                ("packet_without_end", "a startup packet without its last byte",
                 struct.pack("!ii", 17, 196608) + b"user\0abcd"[:9], "facts §11"),
                ("cancel_with_another_key", "a cancel request with a key of nobody's",
                 struct.pack("!iiii", 16, 80877102, 1, 1), "PostgreSQL manual, Message Flow"),
            )
        ),
        forbidden("prepared_by_name_of_others", "EXECUTE capy_{token}", held_by="statements are a client's own",
                  source="facts §11", expects=Refusal(frozenset({"26000"})), doors=POOLED),
    ),
)  # fmt: skip
