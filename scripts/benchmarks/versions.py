"""The versions of what is measured."""

import platform
import subprocess
from importlib.metadata import version

from capyd.host.programs import find_pgbouncer


def measured_versions(postgres: str) -> dict[str, str]:
    """By name; `postgres` is what the stack says of its server."""
    # `PgBouncer 1.18.0`, and below it the libraries that it was built with.
    pooler = subprocess.run([find_pgbouncer(), "--version"], capture_output=True, text=True, check=True).stdout
    return {
        "capyd": version("capyd"),
        "PostgreSQL": postgres,
        "PgBouncer": pooler.split()[1],
        "Python": platform.python_version(),
        **{package: version(package) for package in ("grpcio", "aiohttp", "psycopg", "uvloop")},
    }
