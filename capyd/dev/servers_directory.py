"""The servers' own directory, when they run as another user than `capyd dev`.

The state directory of root may lie where no other user can go (under /root, in a `mktemp -d`). So what PostgreSQL
and PgBouncer need is kept under /var/lib/capyd-dev, in a directory a stack, which the state directory links to
(`servers`) and which links back (`state`). One whose state directory is gone is removed at a later start.
"""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from capyd.dev.errors import StackError

ROOT = Path("/var/lib/capyd-dev")

_LINK = "servers"
_BACK_LINK = "state"
_DOOMED = "-"
"""Behind the name of a directory that is being removed."""


def open_servers_directory(state: Path, *, root: Path = ROOT) -> Path:
    """The servers' directory of the stack whose state directory is `state`, made when it has none yet.

    Raises:
        StackError: `state` is a copy of another state directory, whose servers are not to be shared.
    """
    link = state / _LINK
    with _exclusive(root):
        if not link.is_symlink() or not link.exists():
            directory = root / secrets.token_hex(4)
            # Linked back before it is linked to: a directory that nobody links to is rubbish at once.
            directory.mkdir(mode=0o711)
            directory.chmod(0o711)
            (directory / _BACK_LINK).symlink_to(state)
            link.unlink(missing_ok=True)
            link.symlink_to(directory)
            return directory
        directory = link.readlink()
        back_link = directory / _BACK_LINK
        home = back_link.readlink()
        if home != state:
            if _links_to(home, directory):
                raise StackError(
                    f"{state} is a copy of {home}, and both would run the same cluster in {directory}: "
                    "give another --state-dir"
                )
            # The state directory was moved.
            back_link.unlink()
            back_link.symlink_to(state)
        return directory


def abandoned_directories(*, root: Path = ROOT) -> list[Path]:
    """The servers' directories whose state directory is gone."""
    if not root.exists():
        return []
    with _exclusive(root):
        return [directory for directory in root.iterdir() if directory.is_dir() and _is_abandoned(directory)]


def remove_servers_directory(directory: Path, *, root: Path = ROOT) -> None:
    """Remove it with all that is in it. Whatever ran from it has been ended before.

    Under the lock it only gets another name: removing gigabytes takes its time, and other stacks want to start. What
    is left of a removal that was cut off is removed at a later start.
    """
    with _exclusive(root):
        doomed = directory.rename(root / f"{directory.name}{_DOOMED}")
    shutil.rmtree(doomed, ignore_errors=True)


def _is_abandoned(directory: Path) -> bool:
    back_link = directory / _BACK_LINK
    return not back_link.is_symlink() or not _links_to(back_link.readlink(), directory)


def _links_to(state: Path, directory: Path) -> bool:
    link = state / _LINK
    return link.is_symlink() and link.readlink() == directory


@contextmanager
def _exclusive(root: Path) -> Iterator[None]:
    """One stack at a time makes and removes directories under `root`."""
    root.mkdir(mode=0o755, parents=True, exist_ok=True)
    descriptor = os.open(root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
