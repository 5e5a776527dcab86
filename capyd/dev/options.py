"""What `capyd dev` was asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one start."""

    state_dir: Path
    ports: Mapping[str, int]
    """The ports that were given, by listener (`capyd.dev.ports.CONVENTIONAL` has their names)."""
    postgres_bin: str | None
    """A directory, or `embedded`."""
    ready_file: Path | None
    pgbouncer: Path | None = None
    """The program, where it is not to be the system's."""
    tls: bool = True
    """Whether PostgreSQL and PgBouncer serve TLS, each if it can."""
