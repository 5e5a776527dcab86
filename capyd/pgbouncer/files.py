"""The configuration's files on disk."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

from capyd.domain.failures import PermanentError
from capyd.domain.secret import Secret
from capyd.runtime.atomic_file import sync_directory, write_beside
from capyd.runtime.failpoints import failpoints


def read_files(directory: Path, names: Iterable[str]) -> dict[str, bytes]:
    """The contents of those that are there.

    Raises:
        PermanentError: one may not be read.
    """
    try:
        return {name: (directory / name).read_bytes() for name in names if (directory / name).exists()}
    except OSError as error:
        raise PermanentError(f"the pooler's configuration in {directory} cannot be read: {error.strerror}") from error


async def write_files(directory: Path, files: Mapping[str, bytes]) -> None:
    """Replace each file, in this order, or leave it where it says the same.

    The new ones are on the disk before the first takes its place. Returns when a power cut does not bring the old
    ones back, which may let in a password that is refused by now: the pooler may start before the daemon.

    Raises:
        PermanentError: the directory is not there, or may not be written.
    """
    present = await asyncio.to_thread(read_files, directory, files)
    changed = [directory / name for name, text in files.items() if present.get(name) != text]
    # At once: the disk syncs several files in little more than the time of one.
    written = await asyncio.gather(
        *(asyncio.to_thread(write_beside, path, files[path.name]) for path in changed), return_exceptions=True
    )
    temporaries = [outcome for outcome in written if isinstance(outcome, Path)]
    try:
        for outcome in written:
            if isinstance(outcome, BaseException):
                raise outcome
        for path, temporary in zip(changed, temporaries, strict=True):
            if failpoints.active:
                await failpoints.reach("pooler.write.before")
            temporary.replace(path)
            if failpoints.active:
                await failpoints.reach("pooler.write.after")
        if changed:
            await asyncio.to_thread(sync_directory, directory)
    except OSError as error:
        raise PermanentError(
            f"the pooler's configuration in {directory} cannot be written: {error.strerror}"
        ) from error
    finally:
        for left in temporaries:
            left.unlink(missing_ok=True)


def read_console_password(path: Path) -> Secret:
    """The console's password: the file's only line.

    Raises:
        PermanentError: the file cannot be read, or holds what PgBouncer's auth file cannot.
    """
    try:
        text = path.read_text().strip()
    except OSError as error:
        raise PermanentError(f"the pooler's console password {path} cannot be read: {error.strerror}") from error
    if not text or not text.isprintable() or '"' in text or " " in text:
        raise PermanentError(f"the pooler's console password {path} must be one word without quotes")
    return Secret(text)
