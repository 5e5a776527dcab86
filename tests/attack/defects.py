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

DEFECTS = (
    Defect("admin sessions do not pin search_path", "list_extensions", "postgres/connections.py",
           '"search_path": "pg_catalog,pg_temp",', "", besides=(_PLANTED_PATH,)),
    Defect("CREATE EXTENSION without SCHEMA", "where_an_extension_lands", "postgres/extensions.py",
           'sql.SQL("CREATE EXTENSION IF NOT EXISTS {} SCHEMA {}")', 'sql.SQL("CREATE EXTENSION IF NOT EXISTS {} -- {}")'),
    Defect("trusted extensions as the administrator", "where_an_extension_lands", "postgres/extensions.py",
           'sql.SQL("SET LOCAL ROLE {}")', 'sql.SQL("SELECT 1 -- {}")'),
    Defect("lookalikes are not looked for", "enable_untrusted_extension", "postgres/extensions.py",
           "    if lookalikes:\n", "    if lookalikes and False:\n"),
    Defect("the administrator over TCP", "as_administrator", "postgres/access.py",
           '            f"host    all          {admin_role}  all  reject",\n', ""),
)  # fmt: skip
