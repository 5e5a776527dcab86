"""The configuration's files on disk."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

from capyd.domain.failures import PermanentError
from capyd.domain.secret import Secret
from capyd.runtime.atomic_file import write_atomically
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
    """Replace each file, or leave it where it says the same.

    Raises:
        PermanentError: the directory is not there, or may not be written.
    """
    present = await asyncio.to_thread(read_files, directory, files)
    try:
        for name, text in files.items():
            if present.get(name) == text:
                continue
            if failpoints.active:
                await failpoints.reach("pooler.write.before")
            await asyncio.to_thread(write_atomically, directory / name, text)
            if failpoints.active:
                await failpoints.reach("pooler.write.after")
    except OSError as error:
        raise PermanentError(
            f"the pooler's configuration in {directory} cannot be written: {error.strerror}"
        ) from error


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
