"""The same without capyd: by a shell script, and by the three statements themselves."""

import asyncio
import itertools
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import sql

from benchmarks.benchmark import BenchmarkError

SCRIPT = Path(__file__).parent / "handwritten.sh"

_PASSWORD = "not-a-secret"
_numbers = itertools.count(1)


class Script:
    """`handwritten.sh`, as the cluster's administrator, with the cluster's own client programs."""

    def __init__(self, programs: Path, administrator: Mapping[str, str]) -> None:
        # Without the rest of the environment: PGOPTIONS and the like would change what is measured.
        self._environment = {**administrator, "PATH": f"{programs}:{os.environ['PATH']}"}

    async def run(self) -> float:
        """Seconds from the script's start to its end."""
        argv = ["/bin/sh", str(SCRIPT), f"by_hand_{next(_numbers)}", _PASSWORD]
        started = time.perf_counter()
        finished = await asyncio.to_thread(
            subprocess.run,
            argv,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - started
        if finished.returncode != 0:
            raise BenchmarkError(f"{SCRIPT.name} failed: {finished.stdout.strip()}")
        return seconds


class Statements:
    """On a connection that is open already."""

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection

    async def run(self) -> float:
        """Seconds for all three."""
        name = sql.Identifier(f"by_statements_{next(_numbers)}")
        started = time.perf_counter()
        await self._connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(name, sql.Literal(_PASSWORD)))
        await self._connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
        await self._connection.execute(sql.SQL("GRANT ALL ON DATABASE {0} TO {0}").format(name))
        return time.perf_counter() - started
