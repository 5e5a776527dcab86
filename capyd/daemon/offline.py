"""What is done to the state while no daemon has it: the locks of a daemon, and a new file in place of the old one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from capyd.config import Settings
from capyd.daemon.state_lock import StateLock
from capyd.domain.failures import UnreachableError
from capyd.postgres.connections import AdminConnections
from capyd.postgres.ownership import ClusterOwnership
from capyd.runtime.clock import Clock
from capyd.runtime.failpoints import failpoints
from capyd.sqlite.database import Database
from capyd.sqlite.files import make_single, put_in_place, remove
from capyd.sqlite.integrity import check_integrity


class StateError(Exception):
    """The state cannot be made as asked. Its text says why, and what would be right."""


@dataclass(frozen=True, slots=True)
class NewState:
    """What was made."""

    path: Path
    set_aside: Path | None
    """Where the file is that stood there before."""
    organizations: int
    projects: int
    api_keys: int
    """How many the file has; projects without deleted ones, keys with revoked ones."""
    from_ledger: int
    """How many of these, and of deleted projects, were taken from the ledger."""


@asynccontextmanager
async def offline(settings: Settings) -> AsyncIterator[AdminConnections]:
    """Connections to the cluster, while both the state file and the cluster are locked against every daemon.

    Raises:
        StateLockedError, ClusterHeldError: a daemon runs; stop it first.
        UnreachableError: the cluster does not answer.
    """
    settings.state.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = StateLock(settings.state.path)
    lock.acquire()
    connections = AdminConnections(settings.postgres)
    ownership = ClusterOwnership(connections)
    try:
        await connections.open()
        await ownership.acquire()
        yield connections
    except UnreachableError as error:
        raise StateError(f"{error.summary}; the cluster must run for this") from error
    finally:
        await ownership.release()
        await connections.close()
        lock.release()


@asynccontextmanager
async def unfinished(path: Path) -> AsyncIterator[Path]:
    """Where to write the new state: a file beside `path` that no daemon takes for the state. What is left goes."""
    new = path.with_name(f"{path.name}.new")
    remove(new)
    try:
        yield new
    finally:
        remove(new)


@asynccontextmanager
async def opened(new: Path) -> AsyncIterator[Database]:
    """The database at `new`, with the schema of today; one whole, durable file when the block is done."""
    database = await Database.open(new)
    try:
        yield database
    finally:
        await database.close()
    await check_integrity(new)
    make_single(new)


async def put(new: Path, path: Path, *, clock: Clock) -> Path | None:
    """Put the new file in place; returns where the old one is now."""
    if failpoints.active:
        await failpoints.reach("state.put.before")
    set_aside = put_in_place(new, path, now=clock())
    if failpoints.active:
        await failpoints.reach("state.put.after")
    return set_aside
