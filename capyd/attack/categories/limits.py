"""A tenant's own limits: which bind, and which are defaults that it may change."""

import psycopg

from capyd.attack.attempt import BOTH, DIRECT, POOLED, Attempt, Category, Door
from capyd.attack.canary import Session
from capyd.attack.expectation import Answer, Observed, Refusal, answered, refused
from capyd.attack.field import Field
from capyd.attack.logins import observe_login
from capyd.attack.sql import forbidden, harmless, observe

_UNBOUND = "Limits that bind, and defaults"
_MORE_THAN_ANY_PLAN = 400
_AS_LOGIN = ("SET LOCAL ROLE NONE",)
_OPTIONS = {"options": "-c statement_timeout=0"}


def _default(parameter: str, value: str) -> Attempt:
    """A parameter that everybody may set for itself."""
    return harmless(
        f"set_{parameter}",
        (f"SET LOCAL {parameter} = '{value}'",),
        shows=f"SHOW {parameter}",
        answer=value,
        held_by="the daemon's watchdog and the pooler's own timeouts, from outside of the session",
        source="facts §4",
        unbound=_UNBOUND,
    )


async def _exhaust(field: Field, door: Door) -> Observed:
    """Open sessions until refused; the victim and the daemon must get in meanwhile."""
    sessions: list[Session] = []
    try:
        words = ""
        while not words and len(sessions) < _MORE_THAN_ANY_PLAN:
            try:
                session = await field.attacker.connect(door)
                sessions.append(session)
                if door is Door.POOLED:
                    # A transaction keeps its server connection.
                    await session.execute(b"SET LOCAL statement_timeout = 0; BEGIN; SELECT 1")
            except psycopg.OperationalError as error:
                words = str(error)
        if not words:
            return answered(f"{len(sessions)} sessions, and no end")
        return await _others_get_in(field)
    finally:
        for session in sessions:
            await session.close()


async def _others_get_in(field: Field) -> Observed:
    for door in BOTH:
        try:
            session = await field.victim.connect(door)
        except psycopg.OperationalError as error:
            return refused(f"the other tenant was shut out, {door}: {error}")
        async with session:
            await session.execute(b"SELECT 1")
    looked = await field.daemon.list_extensions(field.victim.project_id)
    return looked if looked.refused else answered("refused at the limit; the others get in")


async def _options(field: Field, door: Door) -> Observed:
    observed = await observe_login(field, door, **_OPTIONS)
    return observed if observed.refused else answered("let in")


async def _reset_all(field: Field, door: Door) -> Observed:
    """What is left of the superuser's parameters after the tenant reset all of its own."""
    async with await field.attacker.connect(door) as session:
        await session.execute(b"BEGIN")
        # As itself: the owner role, which it acts as, may change nobody's settings but its own.
        await session.execute(b"SET LOCAL ROLE NONE")
        await session.execute(f"ALTER ROLE {field.attacker.login} RESET ALL".encode())
        observed = await observe(
            session,
            "SELECT EXISTS (SELECT FROM pg_db_role_setting AS s JOIN pg_roles AS r ON r.oid = s.setrole"
            " WHERE r.rolname = session_user AND array_to_string(s.setconfig, ',') LIKE '%temp_file_limit=%')",
        )
        await session.execute(b"ROLLBACK")
        return observed


LIMITS = Category(
    "limits",
    "the tenant's own limits",
    (
        harmless("temp_file_limit_is_set", (), shows="SELECT current_setting('temp_file_limit') <> '-1'", answer="True",
                 held_by="ALTER ROLE ... SET temp_file_limit, by a superuser", source="facts §4"),
        Attempt("temp_file_limit_survives_reset", "ALTER ROLE {own} RESET ALL", _reset_all, Answer("True"),
                "a superuser's parameter stays", "facts §3"),
        forbidden("own_temp_file_limit", "ALTER ROLE {own} SET temp_file_limit = -1", prepare=_AS_LOGIN, held_by="a superuser's parameter",
                  source="facts §4"),
        forbidden("own_temp_file_limit_in_database", "ALTER ROLE {own} IN DATABASE {own} SET temp_file_limit = -1", prepare=_AS_LOGIN,
                  held_by="a superuser's parameter", source="facts §4"),
        forbidden("own_log_statement", "ALTER ROLE {own} SET log_statement = 'none'", prepare=_AS_LOGIN, held_by="a superuser's parameter",
                  source="facts §4"),
        forbidden("own_preload", "ALTER ROLE {own} SET session_preload_libraries = 'evil'", prepare=_AS_LOGIN,
                  held_by="a superuser's parameter", source="facts §4"),
        forbidden("grant_parameter", "GRANT SET ON PARAMETER temp_file_limit TO {own}", held_by="not a superuser",
                  source="facts §3"),
        harmless("role_limit_is_set", (), shows=
                 "SELECT rolconnlimit > 0 FROM pg_roles WHERE rolname = session_user", answer="True",
                 held_by="CONNECTION LIMIT of the login", source="facts §4"),
        harmless("database_limit_is_set", (), shows=
                 "SELECT datconnlimit > 0 FROM pg_database WHERE datname = current_database()", answer="True",
                 held_by="CONNECTION LIMIT of the database", source="facts §4"),
        *(
            _default(parameter, value)
            for parameter, value in (
                ("statement_timeout", "0"), ("idle_in_transaction_session_timeout", "0"), ("lock_timeout", "0"),
                ("work_mem", "100GB"), ("maintenance_work_mem", "100GB"), ("default_transaction_read_only", "off"),
                ("max_parallel_workers_per_gather", "64"),
            )
        ),
        Attempt("options_statement_timeout", "log in with options=-c statement_timeout=0", _options,
                Answer("let in"), "as set_statement_timeout", "facts §4", doors=DIRECT,
                unbound=_UNBOUND),
        Attempt("options_statement_timeout_pooled", "log in with options=-c statement_timeout=0", _options,
                Refusal(words=("unsupported startup parameter",)), "options is not ignored by the pooler", "facts §11",
                doors=POOLED),
        Attempt("exhaust_connections", "open sessions until refused", _exhaust,
                Answer("refused at the limit; the others get in"),
                "CONNECTION LIMIT of login and database, pool size of the entry", "facts §4, §11", doors=DIRECT),
    ),
)  # fmt: skip
