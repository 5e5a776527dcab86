"""Replaces a file so that readers, and a power cut, see the old text or the new one and never a part."""

import os
import tempfile
from pathlib import Path


def write_atomically(path: Path, text: bytes, *, new_mode: int = 0o640) -> None:
    """Replace `path` with `text`, durably, as `write_beside` makes it.

    Raises:
        OSError: the directory cannot be written, or the group not be given.
    """
    temporary = write_beside(path, text, new_mode=new_mode)
    try:
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def write_beside(path: Path, text: bytes, *, new_mode: int = 0o640) -> Path:
    """Write what is to replace `path` to a file beside it, durably; the caller renames that, or unlinks it.

    Mode and group are those of the file at `path`, and with root the owner is. A file that was not there gets
    `new_mode` and its directory's group (and with root its owner): the process that reads a configuration is
    usually another user than the one who writes it.

    Raises:
        OSError: the directory cannot be written, or the group not be given.
    """
    try:
        like = path.stat()
        mode = like.st_mode & 0o7777
    except FileNotFoundError:
        like = path.parent.stat()
        mode = new_mode
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchown(handle, like.st_uid if os.geteuid() == 0 else -1, like.st_gid)
            os.fchmod(handle, mode)
            file.write(text)
            file.flush()
            os.fsync(handle)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def sync_directory(directory: Path) -> None:
    """Make a rename in `directory` survive a power cut."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
