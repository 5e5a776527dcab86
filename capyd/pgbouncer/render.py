"""PgBouncer's configuration as text. Pure: the same entries give the same files, byte for byte."""

from collections.abc import Iterable

from capyd.config.settings import PoolerSettings, PostgresSettings
from capyd.domain.secret import Secret
from capyd.domain.tenants import PoolerEntry
from capyd.pgbouncer.parameters import list_entry_parameters, list_parameters
from capyd.pgbouncer.version import Version

CONSOLE_USER = "capyd_console"

INI = "pgbouncer.ini"
DATABASES = "databases.ini"
HBA = "hba.conf"
USERS = "users.txt"
FILE_NAMES = (USERS, HBA, DATABASES, INI)
"""In the order in which they are replaced: a login is known before it may enter, and may before there is anything."""

_WRITTEN = "written by capyd, anew with every change"


def render(
    entries: Iterable[PoolerEntry],
    *,
    version: Version,
    pooler: PoolerSettings,
    postgres: PostgresSettings,
    console_password: Secret,
) -> dict[str, bytes]:
    """The files by name: `entries` and nothing else can be connected to, each by its own login alone."""
    ordered = sorted(entries, key=lambda entry: entry.database)
    texts = (
        render_users(ordered, console_password),
        render_hba(ordered),
        render_databases(ordered, version=version, pooler=pooler, postgres=postgres),
        render_ini(pooler, version),
    )
    return {name: text.encode() for name, text in zip(FILE_NAMES, texts, strict=True)}


def render_ini(pooler: PoolerSettings, version: Version) -> str:
    """`pgbouncer.ini`: everything but the entries, for PgBouncer `version`."""
    parameters = {
        **list_parameters(pooler, version, console_user=CONSOLE_USER),
        "auth_hba_file": str(pooler.config_dir / HBA),
        "auth_file": str(pooler.config_dir / USERS),
    }
    lines = [f"; {_WRITTEN}", "[pgbouncer]"]
    lines += [f"{name} = {value}" for name, value in parameters.items()]
    return "\n".join([*lines, "", f"%include {pooler.config_dir / DATABASES}", ""])


def render_databases(
    entries: Iterable[PoolerEntry], *, version: Version, pooler: PoolerSettings, postgres: PostgresSettings
) -> str:
    """The section `[databases]`: no wildcard, so `postgres` and the ledger are not there for anybody.

    The user is never forced: the pooler logs in to PostgreSQL as whoever logged in to it.
    """
    where = f"host={postgres.socket_dir} port={postgres.port}"
    lines = [f"; {_WRITTEN}", "[databases]"]
    for entry in entries:
        limits = list_entry_parameters(entry, pooler, version)
        lines.append(f"{entry.database} = {where} {' '.join(f'{name}={value}' for name, value in limits.items())}")
    return "\n".join([*lines, ""])


def render_hba(entries: Iterable[PoolerEntry]) -> str:
    """Who may ask for which database. Without a line, a login is refused before any server connection is made."""
    lines = [f"# {_WRITTEN}", f"local pgbouncer {CONSOLE_USER} scram-sha-256"]
    lines += [
        f"host {entry.database} {login.name} {everywhere} scram-sha-256"
        for entry in entries
        for login in entry.logins
        for everywhere in ("0.0.0.0/0", "::/0")
    ]
    return "\n".join([*lines, ""])


def render_users(entries: Iterable[PoolerEntry], console_password: Secret) -> str:
    """The auth file: the verifiers that PostgreSQL has too, and the console's password."""
    lines = [f"; {_WRITTEN}", f'"{CONSOLE_USER}" "{console_password.reveal()}"']
    lines += [f'"{login.name}" "{login.verifier.reveal()}"' for entry in entries for login in entry.logins]
    return "\n".join([*lines, ""])
