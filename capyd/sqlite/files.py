"""A SQLite database as files: the database itself, and the write-ahead log and its index beside it.

A log must never be found beside another database than its own: SQLite would apply it.
"""

import itertools
import os
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from capyd.runtime.atomic_file import sync_directory

_COMPANIONS = ("-wal", "-shm")


class CopyError(Exception):
    """A database could not be copied. Its text is what the system said."""


def make_single(path: Path) -> None:
    """Fold the log into the database, which nobody else has open, and make it durable. One file is left."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def copy_database(source: Path, target: Path) -> None:
    """Copy a database that others may be writing, as of one moment, to a file that only its owner can read.

    Raises:
        CopyError: `source` is not there or no database, or there is no room.
    """
    try:
        target.touch(mode=0o600)
        with (
            closing(sqlite3.connect(f"file:{source}?mode=rw", uri=True)) as opened,
            closing(sqlite3.connect(target)) as copy,
        ):
            # All pages in one step, and so in one read transaction: a change by another process in between would
            # make SQLite begin anew, again and again.
            opened.backup(copy, pages=-1)
    except (OSError, sqlite3.Error) as error:
        raise CopyError(str(error)) from error


def remove(path: Path) -> None:
    """Remove what there is of the database at `path`."""
    for each in (path, *_companions(path)):
        each.unlink(missing_ok=True)


def put_in_place(new: Path, path: Path, *, now: datetime) -> Path | None:
    """Make the single file `new` the database at `path`, and set aside what was there; returns where that is now.

    Killed in between, there is no database at `path`, and both others are whole.
    """
    aside = _free_name(path.with_name(f"{path.name}.replaced-{stamp(now)}"))
    # The log is moved after its database, so that no start finds the one without the other; left alone beside no
    # database, it is deleted by SQLite when a new one is made there.
    present = [(each, aside.with_name(aside.name + suffix)) for each, suffix in _with_suffixes(path) if each.exists()]
    for each, target in present:
        each.replace(target)
    sync_directory(path.parent)
    new.replace(path)
    sync_directory(path.parent)
    return aside if present else None


def stamp(moment: datetime) -> str:
    """A moment in UTC, for a file's name: `20261124T083000Z`."""
    return moment.strftime("%Y%m%dT%H%M%SZ")


def _free_name(path: Path) -> Path:
    """The path itself, or with a number where something stands there: two may be set aside within a second."""
    names = itertools.chain([path], (path.with_name(f"{path.name}-{number}") for number in itertools.count(2)))
    return next(name for name in names if not any(each.exists() for each, _ in _with_suffixes(name)))


def _companions(path: Path) -> list[Path]:
    return [path.with_name(path.name + suffix) for suffix in _COMPANIONS]


def _with_suffixes(path: Path) -> list[tuple[Path, str]]:
    return [(path, ""), *zip(_companions(path), _COMPANIONS, strict=True)]
