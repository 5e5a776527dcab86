"""Makes the directories of a stack, owned and shut as each of them has to be."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from capyd.dev.errors import StackError
from capyd.dev.layout import Layout
from capyd.dev.servers_directory import open_servers_directory
from capyd.host.users import OsUser

_SOCKET_PATH_BYTES = 107
_LONGEST_SOCKETS = "/daemon/admin.sock", "/run/.s.PGSQL.65535"


def open_state_directory(path: Path, owner: OsUser) -> Path:
    """Make the state directory, 0700, or take the one that is there.

    Raises:
        StackError: it cannot be made, or is another user's.
    """
    state = path.absolute()
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StackError(
            f"the state directory {state} cannot be made: {error.strerror}; give another --state-dir"
        ) from error
    state = state.resolve()
    if state.stat().st_uid != owner.uid:
        raise StackError(
            f"the state directory {state} belongs to another user than {owner.name}: "
            "start the stack as its owner, or give another --state-dir"
        )
    if not (state / "dev.json").exists() and any(_is_foreign(entry) for entry in state.iterdir()):
        raise StackError(f"{state} holds other files and no stack's state: give an empty directory as --state-dir")
    return state


@contextmanager
def open_layout(state: Path, owner: OsUser, server_user: OsUser) -> Iterator[Layout]:
    """The places of the stack, all of them made. Sockets that need a directory of their own lose it at the end."""
    if owner == server_user:
        servers = state / "servers"
        servers.mkdir(mode=0o700, exist_ok=True)
    else:
        servers = open_servers_directory(state)
    link = state / "sockets"
    if link.is_symlink():
        # A run that was killed could not remove them.
        _remove_sockets(link)
    if _can_hold_sockets(servers):
        sockets = servers
    else:
        # Not in TMPDIR, which may be as long.
        sockets = Path(tempfile.mkdtemp(prefix="capyd-", dir="/tmp"))
        link.symlink_to(sockets)
    try:
        layout = Layout(state=state, servers=servers, sockets=sockets, owner=owner, server_user=server_user)
        _make(layout.logs, 0o700)
        _make(layout.daemon_sockets, 0o700)
        # The servers' group may read what the daemon writes: the group of new files is the directory's (setgid).
        _make(layout.access, 0o2750, gid=server_user.gid)
        _make(layout.pooler, 0o2750, gid=server_user.gid)
        _make(layout.tls, 0o2750, gid=server_user.gid)
        _make(layout.server_sockets, 0o755, uid=server_user.uid, gid=server_user.gid)
        yield layout
    finally:
        if link.is_symlink():
            _remove_sockets(link)


def _remove_sockets(link: Path) -> None:
    # What it leads to may be gone, or after a reboot be somebody else's.
    shutil.rmtree(link.readlink(), ignore_errors=True)
    link.unlink()


def _can_hold_sockets(directory: Path) -> bool:
    # The kernel's limit, and what may stand unquoted in a line of PgBouncer's configuration.
    longest = max(len(os.fsencode(directory)) + len(socket) for socket in _LONGEST_SOCKETS)
    return longest <= _SOCKET_PATH_BYTES and re.fullmatch(r"[\w./+-]+", str(directory), re.ASCII) is not None


def _is_foreign(entry: Path) -> bool:
    # Not ours, whatever moment a first start was killed at; a hidden file is one that was not finished.
    return entry.name not in {"lock", "servers", "logs", "sockets"} and not entry.name.startswith(".")


def _make(directory: Path, mode: int, *, uid: int = -1, gid: int = -1) -> None:
    directory.mkdir(mode=0o700, exist_ok=True)
    os.chown(directory, uid, gid)
    directory.chmod(mode)
