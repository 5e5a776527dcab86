"""Who a program runs as."""

import grp
import os
import pwd
from dataclasses import dataclass
from typing import TypedDict

from capyd.host.errors import HostError

# In order of preference. PostgreSQL and PgBouncer refuse to run as root.
_UNPRIVILEGED = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class OsUser:
    """A user of the operating system."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    """Supplementary groups, the primary one included."""


def current_user() -> OsUser:
    """The user this process runs as.

    Raises:
        HostError: the user id has no name: PostgreSQL could neither be initialised nor be logged in to by peer.
    """
    uid = os.geteuid()
    try:
        return _user(pwd.getpwuid(uid))
    except KeyError as error:
        raise HostError(
            f"user id {uid} has no entry in /etc/passwd, and PostgreSQL knows its peers by name: "
            "add an entry, or run as another user"
        ) from error


def server_user() -> OsUser:
    """The user that PostgreSQL and PgBouncer run as: this one, or when this one is root an unprivileged one.

    Raises:
        HostError: this is root and there is nobody to drop to.
    """
    current = current_user()
    if current.uid != 0:
        return current
    for name in _UNPRIVILEGED:
        try:
            return _user(pwd.getpwnam(name))
        except KeyError:
            continue
    raise HostError(
        "PostgreSQL does not run as root, and there is neither a user postgres nor a user nobody to run it as: "
        "create one with `useradd --system postgres`"
    )


class RunAs(TypedDict):
    """Arguments of a spawn, all None where nothing is dropped."""

    user: int | None
    group: int | None
    extra_groups: list[int] | None


def run_as(user: OsUser) -> RunAs:
    """The arguments of a spawn that make the child run as `user`."""
    if user.uid == os.geteuid():
        return RunAs(user=None, group=None, extra_groups=None)
    return RunAs(user=user.uid, group=user.gid, extra_groups=list(user.groups))


def _user(entry: pwd.struct_passwd) -> OsUser:
    supplementary = [group.gr_gid for group in grp.getgrall() if entry.pw_name in group.gr_mem]
    return OsUser(entry.pw_name, entry.pw_uid, entry.pw_gid, tuple(sorted({entry.pw_gid, *supplementary})))
