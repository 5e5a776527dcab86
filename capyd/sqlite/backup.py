"""Backups of the state file: taken while it is in use, checked, and then given their names."""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from capyd.runtime.atomic_file import sync_directory
from capyd.runtime.failpoints import failpoints
from capyd.sqlite.files import CopyError, copy_database, make_single, remove, stamp
from capyd.sqlite.integrity import DamagedFileError, check_integrity

_PREFIX, _SUFFIX = "capyd-", ".sqlite"
_STAMP_FORM = "%Y%m%dT%H%M%SZ"
_UNFINISHED = ".unfinished"


class BackupError(Exception):
    """No backup could be made. Its text says why."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A finished one."""

    path: Path
    taken_at: datetime
    size_bytes: int


class Backups:
    """The backups of one state file, in a directory of their own; the newest `keep` of them are kept."""

    def __init__(self, *, state: Path, directory: Path, keep: int) -> None:
        self._state = state
        self._directory = directory
        self._keep = keep

    def list(self) -> list[Backup]:
        """Finished ones, the oldest first."""
        found = []
        for path in self._directory.glob(f"{_PREFIX}*{_SUFFIX}"):
            taken_at = _taken_at(path)
            if taken_at is not None:
                found.append(Backup(path, taken_at, path.stat().st_size))
        return sorted(found, key=lambda backup: backup.taken_at)

    async def make(self, *, now: datetime) -> Backup:
        """Copy the state as it is now, by SQLite's own means: writers go on meanwhile. Then delete the oldest.

        The copy is checked and durable before it gets its name; what a killed run left is removed by the next one.

        Raises:
            BackupError: the state file cannot be read, is damaged, or the directory has no room.
        """
        path = self._directory / f"{_PREFIX}{stamp(now)}{_SUFFIX}"
        unfinished = self._directory / f"{path.name}{_UNFINISHED}"
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _alone_in(self._directory):
                for left in self._directory.glob(f"*{_UNFINISHED}*"):
                    left.unlink()
                await asyncio.to_thread(copy_database, self._state, unfinished)
                await _reach("backup.copied")
                await check_integrity(unfinished)
                make_single(unfinished)
                await _reach("backup.checked")
                unfinished.replace(path)
                sync_directory(self._directory)
                await _reach("backup.named")
                for old in self.list()[: -self._keep]:
                    old.path.unlink()
        except (OSError, sqlite3.Error, CopyError, DamagedFileError) as error:
            remove(unfinished)
            raise BackupError(f"no backup of {self._state} could be made: {error}") from error
        return Backup(path, _to_seconds(now), path.stat().st_size)

    async def make_when_due(self, *, every: timedelta, now: datetime) -> Backup | None:
        """Make one unless the newest is younger than `every`, whoever made it and however often this was restarted.

        Raises:
            BackupError: as `make`.
        """
        made = self.list()
        if made and now - made[-1].taken_at < every:
            return None
        return await self.make(now=now)


@contextmanager
def _alone_in(directory: Path) -> Iterator[None]:
    """One backup at a time: the daemon's and a command's would take each other's for leftovers."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BackupError(f"another backup is being made in {directory}") from error
        yield
    finally:
        os.close(handle)


def _taken_at(path: Path) -> datetime | None:
    try:
        return datetime.strptime(path.name, f"{_PREFIX}{_STAMP_FORM}{_SUFFIX}").replace(tzinfo=UTC)
    except ValueError:
        return None


def _to_seconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


async def _reach(point: str) -> None:
    if failpoints.active:
        await failpoints.reach(point)
