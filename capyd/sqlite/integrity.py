"""Whether a SQLite file is whole."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

_SHOWN_PROBLEMS = 3


class DamagedFileError(Exception):
    """The file is no SQLite database, or its pages contradict each other. Its text says what was found."""


async def check_integrity(path: Path) -> None:
    """Read the whole file, and return when it is in order; the time this takes grows with its size.

    `quick_check` looks at every page, row and constraint; what it leaves out is whether indexes and tables agree,
    which would take several times as long.

    Raises:
        DamagedFileError: it is not in order.
    """
    await asyncio.to_thread(_check, path)


def _check(path: Path) -> None:
    try:
        # Not read-only: a file in WAL mode that nobody has open may have to be recovered before it can be read.
        with closing(sqlite3.connect(f"file:{path}?mode=rw", uri=True)) as connection:
            problems = [row[0] for row in connection.execute("PRAGMA quick_check")]
    except sqlite3.DatabaseError as error:
        raise DamagedFileError(f"{path} is damaged: {error}") from error
    if problems != ["ok"]:
        # Each may itself be lines long.
        found = "; ".join(" ".join(problem.split()) for problem in problems[:_SHOWN_PROBLEMS])
        raise DamagedFileError(f"{path} is damaged: {found}")
