"""Whether the running pooler knows what it was told: a reload that says ok may have skipped a line."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from capyd.config.settings import PoolerSettings, PostgresSettings
from capyd.domain.tenants import PoolerEntry
from capyd.pgbouncer.parameters import list_entry_parameters
from capyd.pgbouncer.version import Version

_CONSOLE_DATABASE = "pgbouncer"

_COLUMNS = {"max_db_connections": "max_connections", "max_db_client_connections": "max_client_connections"}
"""How SHOW DATABASES calls what is called otherwise in an entry."""

Row = Mapping[str, Any]


def find_other_parameters(parameters: Mapping[str, str | int], config: Sequence[Row]) -> tuple[list[str], list[str]]:
    """What `SHOW CONFIG` says otherwise than `parameters`: what a reload ought to change, and what a restart."""
    by_reload: list[str] = []
    by_restart: list[str] = []
    found = {str(row["key"]): row for row in config}
    for name, value in parameters.items():
        row = found.get(name)
        if row is None:
            by_reload.append(f"{name}: there is no such parameter")
        elif str(row["value"]) != str(value):
            (by_reload if row["changeable"] == "yes" else by_restart).append(f"{name} is {row['value']}, not {value}")
    return by_reload, by_restart


def find_differences(
    entries: Iterable[PoolerEntry],
    *,
    version: Version,
    pooler: PoolerSettings,
    postgres: PostgresSettings,
    databases: Sequence[Row],
    users: Sequence[Row],
) -> list[str]:
    """What `SHOW DATABASES` and `SHOW USERS` say otherwise than `entries` do: a line each, or nothing."""
    wanted = {entry.database: entry for entry in entries}
    found = {str(row["name"]): row for row in databases if row["name"] != _CONSOLE_DATABASE}
    logins = {str(row["name"]) for row in users}
    differences = [f"{name}: there is no such entry" for name in wanted.keys() - found.keys()]
    differences += [f"{name}: an entry that should not be there" for name in found.keys() - wanted.keys()]
    differences += [
        f"{login.name}: there is no such user"
        for entry in wanted.values()
        for login in entry.logins
        if login.name not in logins
    ]
    for name in wanted.keys() & found.keys():
        limits = list_entry_parameters(wanted[name], pooler, version)
        expected = {
            "database": name,
            "host": postgres.socket_dir,
            "port": postgres.port,
            **{_COLUMNS.get(parameter, parameter): value for parameter, value in limits.items()},
        }
        differences += [
            f"{name}: {column} is {found[name].get(column)}, not {value}"
            for column, value in expected.items()
            if str(found[name].get(column)) != str(value)
        ]
    return sorted(differences)
