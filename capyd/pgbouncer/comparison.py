"""Whether the running pooler knows what it was told: a reload that says ok may have skipped a line."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from capyd.config.settings import PostgresSettings
from capyd.domain.tenants import PoolerEntry

_CONSOLE_DATABASE = "pgbouncer"

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
    entries: Iterable[PoolerEntry], *, databases: Sequence[Row], users: Sequence[Row], postgres: PostgresSettings
) -> list[str]:
    """What `SHOW DATABASES` and `SHOW USERS` say otherwise than `entries` do: a line each, or nothing."""
    wanted = {entry.database: entry for entry in entries}
    found = {str(row["name"]): row for row in databases if row["name"] != _CONSOLE_DATABASE}
    logins = {str(row["name"]) for row in users}
    differences = [f"{name}: there is no such entry" for name in wanted.keys() - found.keys()]
    differences += [f"{name}: an entry that should not be there" for name in found.keys() - wanted.keys()]
    differences += [f"{entry.login}: there is no such user" for entry in wanted.values() if entry.login not in logins]
    for name in wanted.keys() & found.keys():
        expected = {
            "database": name,
            "host": str(postgres.socket_dir),
            "port": str(postgres.port),
            "pool_size": str(wanted[name].pool_size),
            "max_connections": str(wanted[name].pool_size),
        }
        differences += [
            f"{name}: {column} is {found[name].get(column)}, not {value}"
            for column, value in expected.items()
            if str(found[name].get(column)) != value
        ]
    return sorted(differences)
