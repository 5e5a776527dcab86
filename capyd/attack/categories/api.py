"""SQL and configuration through what the API lets a tenant say."""

from collections.abc import Awaitable, Callable

from capyd.attack.attempt import API, Attempt, Category, Door
from capyd.attack.expectation import Answer, Observed, Refusal
from capyd.attack.field import Field

_HOSTILE = 'x\'; DROP ROLE "capyd"; --" $$ \\ %s {0} '
_INVALID = Refusal(frozenset({"INVALID_ARGUMENT"}))
_BOUND = "values are bound and identifiers quoted"
_CHECKED = "checked against the catalogue or a grammar before anything is done"
_SOURCE = "CWE-89; the public contract"


def _row(
    name: str, tries: str, ask: Callable[[Field], Awaitable[Observed]], expects: Refusal | Answer, held_by: str
) -> Attempt:
    async def act(field: Field, door: Door) -> Observed:
        return await ask(field)

    return Attempt(name, tries, act, expects, held_by, _SOURCE, doors=API)


def _extension(name: str) -> Callable[[Field], Awaitable[Observed]]:
    return lambda field: field.daemon.enable_extension(field.attacker.project_id, name)


def _timeout(value: str) -> Callable[[Field], Awaitable[Observed]]:
    return lambda field: field.daemon.apply_settings(field.attacker.project_id, statement_timeout=value)


API_FIELDS = Category(
    "fields of the API",
    "SQL and configuration through what the API lets a tenant say",
    (
        _row("sql_in_a_name", f"rename the project to {_HOSTILE!r}",
             lambda field: field.daemon.rename_project(field.attacker.project_id, _HOSTILE), Answer(_HOSTILE), _BOUND),
        _row("line_break_in_a_name", "rename the project to 'x\\n[databases]'",
             lambda field: field.daemon.rename_project(field.attacker.project_id, "x\n[databases]"), _INVALID, _CHECKED),
        _row("sql_in_an_extension", 'enable citext"; DROP ROLE "capyd', _extension('citext"; DROP ROLE "capyd'), _INVALID,
             _CHECKED),
        _row("path_in_an_extension", "enable ../../tmp/evil", _extension("../../tmp/evil"), _INVALID, _CHECKED),
        _row("extension_beside_the_catalogue", "enable dblink", _extension("dblink"), _INVALID, _CHECKED),
        _row("language_beside_the_catalogue", "enable plpython3u", _extension("plpython3u"), _INVALID, _CHECKED),
        _row("sql_in_a_timeout", "statement_timeout = 30s'; DROP ROLE capyd; --", _timeout("30s'; DROP ROLE capyd; --"),
             _INVALID, _CHECKED),
        _row("connections_beyond_the_plan", "max_connections = 1000000",
             lambda field: field.daemon.apply_settings(field.attacker.project_id, max_connections=1_000_000),
             Refusal(frozenset({"FAILED_PRECONDITION", "INVALID_ARGUMENT"})), "plans are ceilings"),
        _row("timeout_beyond_the_plan", "statement_timeout = 86400s", _timeout("86400s"),
             Refusal(frozenset({"FAILED_PRECONDITION", "INVALID_ARGUMENT"})), "plans are ceilings"),
        _row("timeout_of_none", "statement_timeout = 0s", _timeout("0s"),
             Refusal(frozenset({"FAILED_PRECONDITION", "INVALID_ARGUMENT"})), "0 would be no limit"),
    ),
)  # fmt: skip
