"""What the running pooler is busy with, all pools together."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

_CONSOLE_DATABASE: Final = "pgbouncer"
_COLUMNS: Final = {
    "cl_active": ("client", "active"),
    "cl_waiting": ("client", "waiting"),
    "sv_active": ("server", "active"),
    "sv_idle": ("server", "idle"),
    "sv_used": ("server", "used"),
    "sv_login": ("server", "login"),
}
"""Of `SHOW POOLS`, those that every version since 1.18 has."""


@dataclass(frozen=True, slots=True)
class PoolerLoad:
    """Connections and waiting."""

    connections: Mapping[tuple[str, str], int]
    """By side (`client`, `server`) and state."""
    longest_wait_seconds: float
    databases: int


def read_load(pools: Iterable[Mapping[str, Any]], databases: Iterable[Mapping[str, Any]]) -> PoolerLoad:
    """The load that the rows of `SHOW POOLS` and `SHOW DATABASES` tell; the console itself is left out."""
    connections: Counter[tuple[str, str]] = Counter(dict.fromkeys(_COLUMNS.values(), 0))
    longest = 0.0
    for pool in pools:
        if pool["database"] == _CONSOLE_DATABASE:
            continue
        for column, place in _COLUMNS.items():
            connections[place] += int(pool[column])
        longest = max(longest, int(pool["maxwait"]) + int(pool["maxwait_us"]) / 1_000_000)
    number = sum(1 for row in databases if row["name"] != _CONSOLE_DATABASE)
    return PoolerLoad(connections, longest, number)
