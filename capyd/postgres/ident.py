"""Keeps the pooler's user map in `pg_ident.conf`, where PostgreSQL 15 needs a line for every tenant's login."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from capyd.config.settings import PostgresSettings
from capyd.domain.failures import PermanentError, TransientError
from capyd.postgres.access import POOLER_MAP
from capyd.postgres.connections import AdminConnections
from capyd.postgres.errors import translated
from capyd.runtime.atomic_file import write_atomically
from capyd.runtime.failpoints import failpoints

_BEGIN = b"# capyd: begin (written by capyd; what stands outside these two lines is left as it is)\n"
_END = b"# capyd: end\n"
_RELOAD_LOOKS = 100
_RELOAD_PAUSE_SECONDS = 0.02


async def apply_ident(
    connections: AdminConnections, settings: PostgresSettings, pooler_os_user: str, logins: Iterable[str]
) -> None:
    """Let the pooler's operating-system user log in as each of `logins`, and as no other tenant.

    Returns when the server goes by the file. Does nothing where no file is named, since there a pattern
    in it says the same, or where nothing changed.

    Raises:
        PermanentError: it is not the server's file, cannot be written, or has a line that the server refuses
            (the file is then as it was).
        TransientError: the server has not reloaded it in time.
    """
    path = settings.ident_file
    if path is None:
        return
    try:
        before = await asyncio.to_thread(path.read_bytes)
        after = replace_block(before, pooler_os_user, logins)
        if after == before and await _is_loaded(connections, path):
            return
        if failpoints.active:
            await failpoints.reach("ident.write.before")
        await asyncio.to_thread(write_atomically, path, after)
        if failpoints.active:
            await failpoints.reach("ident.write.after")
        try:
            await _check(connections, path)
        except PermanentError:
            await asyncio.to_thread(write_atomically, path, before)
            raise
    except OSError as error:
        raise PermanentError(f"the user map {path} cannot be rewritten: {error.strerror}") from error
    await _reload(connections)


def replace_block(text: bytes, pooler_os_user: str, logins: Iterable[str]) -> bytes:
    """`text` with capyd's block made anew, at the place where it was or else at the end."""
    lines = "".join(f"{POOLER_MAP}  {pooler_os_user}  {login}\n" for login in sorted(logins))
    block = _BEGIN + lines.encode() + _END
    head, begin, rest = text.partition(_BEGIN)
    if begin:
        _, end, tail = rest.partition(_END)
        if end:
            return head + block + tail
    if text and not text.endswith(b"\n"):
        text += b"\n"
    return text + block


def remove_block(text: bytes) -> bytes:
    """`text` without capyd's block: nobody is to keep it any more."""
    head, begin, rest = text.partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    return head + tail if begin and end else text


async def _check(connections: AdminConnections, path: Path) -> None:
    """Refuse a file that the server would not load: it keeps the old map then and says so in its log alone."""
    with translated("check the user map"):
        async with connections.maintenance() as connection:
            cursor = await connection.execute("SELECT pg_catalog.current_setting('ident_file')")
            (used,) = await cursor.fetchone() or ("",)
            cursor = await connection.execute(
                """
                SELECT pg_catalog.format('line %s: %s', line_number, error)
                FROM pg_catalog.pg_ident_file_mappings WHERE error IS NOT NULL
                """
            )
            mistakes = [mistake async for (mistake,) in cursor]
    if not await asyncio.to_thread(_same_file, Path(used), path):
        raise PermanentError(f"the server reads its user map from {used}, not from {path}")
    if mistakes:
        raise PermanentError(f"the server refuses the user map {path}", detail="\n".join(mistakes))


async def _is_loaded(connections: AdminConnections, path: Path) -> bool:
    """Whether the server's last reload is younger than the file: a crash may have come between the two."""
    changed_at = (await asyncio.to_thread(path.stat)).st_mtime
    with translated("tell when it was reloaded"):
        async with connections.maintenance() as connection:
            cursor = await connection.execute(
                "SELECT EXTRACT(epoch FROM pg_catalog.pg_conf_load_time()) > %s", [changed_at]
            )
            return await cursor.fetchone() == (True,)


async def _reload(connections: AdminConnections) -> None:
    """Reload, and wait for it: a new session takes over the load time of the process that admits sessions."""
    with translated("reload the user map"):
        async with connections.maintenance() as connection:
            cursor = await connection.execute("SELECT pg_catalog.clock_timestamp(), pg_catalog.pg_reload_conf()")
            asked_at, _ = await cursor.fetchone() or (None, None)
        for _ in range(_RELOAD_LOOKS):
            async with connections.maintenance() as connection:
                cursor = await connection.execute("SELECT pg_catalog.pg_conf_load_time() >= %s", [asked_at])
                if await cursor.fetchone() == (True,):
                    return
            await asyncio.sleep(_RELOAD_PAUSE_SECONDS)
    raise TransientError("the server has not reloaded its user map yet")


def _same_file(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)
