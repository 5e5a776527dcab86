"""Another key for the passwords at rest, in the state file and in the ledger."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from capyd.config import Settings
from capyd.daemon.offline import offline
from capyd.host.sealing import Sealer, UnsealError, new_key, read_key_file, render_key_file
from capyd.postgres.sealed_passwords import reseal_passwords
from capyd.runtime.atomic_file import write_atomically
from capyd.runtime.clock import Clock
from capyd.runtime.failpoints import failpoints
from capyd.sqlite.database import Database
from capyd.sqlite.projects import list_live_projects, update_project_login


@dataclass(frozen=True, slots=True)
class RotatedKey:
    """What was done."""

    resealed: int
    """Passwords of projects that are sealed under the new key now."""
    unreadable: int
    """Passwords of projects that neither key opens: those projects are to be rotated."""


async def rotate_key(settings: Settings, *, say: Callable[[str], None], clock: Clock) -> RotatedKey:
    """Make a new key, seal every password under it, and forget the old key.

    Until all is sealed anew the key file holds both, so that whatever dies when, every password can be read; a
    rotation that was cut off is gone on with.

    Raises:
        StateLockedError, ClusterHeldError: a daemon runs.
        StateError: the cluster does not answer.
        KeyFileError: the key file cannot be read.
        StepError: the ledger cannot be read or written.
        OSError: the key file cannot be written.
    """
    path = settings.state.secret_key_file
    keys = read_key_file(path)
    async with offline(settings) as connections:
        if len(keys) == 1:
            keys = (new_key(), *keys)
            await _write(path, keys)
        else:
            say("going on with a rotation that was cut off")
        sealer = Sealer(*keys)
        say("sealing the ledger's passwords")
        in_ledger = await reseal_passwords(connections, lambda sealed, login: _resealed(sealer, sealed, login))
        say("sealing the state's passwords")
        database = await Database.open(settings.state.path)
        try:
            rotated = await _reseal_state(database, sealer, in_ledger, clock=clock)
        finally:
            await database.close()
        await _write(path, keys[:1])
    return rotated


async def _reseal_state(
    database: Database, sealer: Sealer, in_ledger: Mapping[str, bytes], *, clock: Clock
) -> RotatedKey:
    """Each project gets the very bytes that the ledger has: others would be taken for another password."""
    resealed = unreadable = 0
    async with database.transaction() as tx:
        for project in await list_live_projects(tx):
            if (
                project.sealed_password is None
                or project.role_name is None
                or sealer.is_current(project.sealed_password)
            ):
                continue
            there = in_ledger.get(project.id)
            sealed = there if there is not None and sealer.is_current(there) else None
            sealed = sealed or _resealed(sealer, project.sealed_password, project.role_name)
            if sealed is None:
                unreadable += 1
                continue
            await update_project_login(tx, project.id, role_name=project.role_name, sealed_password=sealed, now=clock())
            resealed += 1
    return RotatedKey(resealed, unreadable)


def _resealed(sealer: Sealer, sealed: bytes, login: str) -> bytes | None:
    """Under the new key. None: it is already, or no key opens it."""
    if sealer.is_current(sealed):
        return None
    try:
        return sealer.seal(sealer.open(sealed, login=login), login=login)
    except UnsealError:
        return None


async def _write(path: Path, keys: tuple[bytes, ...]) -> None:
    if failpoints.active:
        await failpoints.reach("key.write.before")
    write_atomically(path, render_key_file(keys))
    if failpoints.active:
        await failpoints.reach("key.write.after")
