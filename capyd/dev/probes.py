"""Does it answer? One probe a program; each returns when it does, and raises TimeoutError when it never did."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import aiohttp

from capyd.dev.ports import HOST
from capyd.host.postmaster import read_postmaster_file

_POLL_SECONDS = 0.03
_LIMIT_SECONDS = 60.0
_REQUEST_SECONDS = 5.0

# PostgreSQL's SSLRequest: a length and a number; a server or pooler answers with one letter.
_SSL_REQUEST = bytes.fromhex("00000008 04d2162f")


async def postgres_answers(data: Path, pid: Callable[[], int]) -> None:
    """The postmaster takes connections (recovery after a crash is over). `pid` says which one it is by now."""

    async def ask() -> bool:
        file = read_postmaster_file(data)
        return file is not None and file.pid == pid() and file.ready

    await _until(ask)


async def pooler_answers(port: int) -> None:
    """Something on the port speaks PostgreSQL's protocol."""

    async def ask() -> bool:
        reader, writer = await asyncio.open_connection(HOST, port)
        try:
            writer.write(_SSL_REQUEST)
            return await reader.read(1) in {b"N", b"S"}
        finally:
            writer.close()

    await _until(ask)


async def daemon_answers(port: int) -> None:
    """The daemon listens on its TCP port."""

    async def ask() -> bool:
        _, writer = await asyncio.open_connection(HOST, port)
        writer.close()
        return True

    await _until(ask)


async def gateway_answers(port: int) -> None:
    """The gateway answers, and the daemon behind it says that its cluster is prepared and its pooler there."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_REQUEST_SECONDS)) as session:

        async def ask() -> bool:
            async with session.get(f"http://{HOST}:{port}/readyz") as response:
                if response.status != 200:
                    return False
            async with session.get(f"http://{HOST}:{port}/status") as response:
                return response.status == 200 and (await response.json())["status"] == "operational"

        await _until(ask)


async def _until(ask: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(_LIMIT_SECONDS):
        while True:
            with suppress(OSError, aiohttp.ClientError, TimeoutError):
                if await ask():
                    return
            await asyncio.sleep(_POLL_SECONDS)
