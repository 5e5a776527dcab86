"""Defences that are in our own code, and what the code would be without each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Defect:
    """A line of capyd that is not as it should be, and the row that must find it."""

    name: str
    row: str
    file: str
    """Under `capyd/`."""
    code: str
    instead: str
    besides: tuple[str, ...] = ()
    """Statements of the administrator's in the attacker's database: what another defence would keep a tenant from."""
    since: int = 0


_PLANTED_PATH = "ALTER DATABASE {own} SET search_path = public, pg_catalog"
_EVENT_TRIGGER = (
    "CREATE SCHEMA capy_canary AUTHORIZATION {owner}",
    "CREATE SEQUENCE capy_canary.sprung",
    "ALTER SEQUENCE capy_canary.sprung OWNER TO {owner}",
    "CREATE FUNCTION public.capy_event() RETURNS event_trigger LANGUAGE plpgsql AS"
    " 'BEGIN IF session_user <> ''{own}'' THEN PERFORM nextval(''capy_canary.sprung''); END IF; END'",
    "CREATE EVENT TRIGGER capy_event ON ddl_command_end EXECUTE FUNCTION public.capy_event()",
)

DEFECTS = (
    Defect("admin sessions do not pin search_path", "list_extensions", "postgres/connections.py",
           '"search_path": "pg_catalog,pg_temp",', "", besides=(_PLANTED_PATH,)),
    Defect("admin sessions do not switch event triggers off", "enable_trusted_extension", "postgres/connections.py",
           'pinned["event_triggers"] = "off"', "pass", besides=_EVENT_TRIGGER, since=17),
    Defect("CREATE EXTENSION without SCHEMA", "where_an_extension_lands", "postgres/extensions.py",
           'sql.SQL("CREATE EXTENSION IF NOT EXISTS {} SCHEMA {}")', 'sql.SQL("CREATE EXTENSION IF NOT EXISTS {} -- {}")'),
    Defect("trusted extensions as the administrator", "where_an_extension_lands", "postgres/extensions.py",
           'sql.SQL("SET LOCAL ROLE {}")', 'sql.SQL("SELECT 1 -- {}")'),
    Defect("lookalikes are not looked for", "enable_untrusted_extension", "postgres/extensions.py",
           "    if lookalikes:\n", "    if lookalikes and False:\n"),
    Defect("every verifier reaches the pooler's file", "verifier_with_line_breaks", "postgres/scram.py",
           "return verifier is not None and _PLAIN.fullmatch(verifier.reveal()) is not None", "return verifier is not None"),
    Defect("locks are waited for", "keep_the_neighbour", "postgres/blockers.py",
           "                    await _end_sessions(maintenance, waiting_pid, note)\n", ""),
    Defect("names may have line breaks", "line_break_in_a_name", "domain/names.py",
           'in ("Cc", "Cs", "Zl", "Zp")', "in ()"),
    Defect("no limit on the database", "database_limit_is_set", "postgres/tenants.py",
           "sql.Identifier(database), sql.Literal(limits.max_connections)", "sql.Identifier(database), sql.Literal(-1)"),
    Defect("no temp_file_limit", "temp_file_limit_is_set", "postgres/tenants.py",
           '"temp_file_limit": limits.temp_file_bytes // 1024,', ""),
    Defect("the pooler's lines pair nobody", "victim_database", "pgbouncer/render.py",
           'f"host {entry.database} {login.name} {everywhere} scram-sha-256"', 'f"host all all {everywhere} scram-sha-256"'),
    Defect("the ledger is open", "ledger", "postgres/preparation.py",
           '_OPEN_TO_ALL = ["postgres", "template1", LEDGER_DATABASE]', '_OPEN_TO_ALL = ["postgres", "template1"]'),
    Defect("postgres is open", "postgres", "postgres/preparation.py",
           '_OPEN_TO_ALL = ["postgres", "template1", LEDGER_DATABASE]', '_OPEN_TO_ALL = ["template1", LEDGER_DATABASE]'),
    Defect("the template takes connections", "template", "postgres/template.py",
           "IS_TEMPLATE true ALLOW_CONNECTIONS false", "IS_TEMPLATE true ALLOW_CONNECTIONS true"),
    Defect("the tenant owns its database", "lift_database_limit", "postgres/spares.py",
           'database, sql.Identifier(PLATFORM_ROLE), sql.Identifier(template)', 'database, sql.Identifier(names.owner), sql.Identifier(template)'),
    Defect("the administrator over TCP", "as_administrator", "postgres/access.py",
           '            f"host    all          {admin_role}  all  reject",\n', ""),
    Defect("replication over TCP", "replication_physical", "postgres/access.py",
           '"host    replication  all  all  reject"', '"host    replication  all  all  scram-sha-256"'),
    Defect("the pooler ignores options", "options_statement_timeout_pooled", "pgbouncer/parameters.py",
           '"ignore_startup_parameters": "', '"ignore_startup_parameters": "options,'),
)  # fmt: skip
