"""What the running pooler knows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_CONSOLE_DATABASE = "pgbouncer"


@dataclass(frozen=True, slots=True)
class PoolerContents:
    """Its entries as they are, whoever wrote them."""

    pool_sizes: Mapping[str, int]
    """Server connections at most, by database."""
    logins: frozenset[str]


def read_contents(databases: Iterable[Mapping[str, Any]], users: Iterable[Mapping[str, Any]]) -> PoolerContents:
    """The contents that the rows of `SHOW DATABASES` and `SHOW USERS` tell."""
    return PoolerContents(
        pool_sizes={
            str(row["name"]): int(row["max_connections"]) for row in databases if row["name"] != _CONSOLE_DATABASE
        },
        logins=frozenset(str(row["name"]) for row in users),
    )
