"""What a service manager hears of the daemon, and when it hears nothing."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from capyd.daemon.service import Service
from capyd.runtime.notify import ServiceManager

_PATIENCE = timedelta(milliseconds=30)


class _Daemon:
    """Gets on, until it is told to hang."""

    def __init__(self) -> None:
        self.gets_on = asyncio.Event()
        self.gets_on.set()

    async def until_progress(self) -> None:
        await self.gets_on.wait()

    async def status(self) -> str:
        return "serving"


class _Heard:
    def __init__(self, end: socket.socket) -> None:
        self._end = end

    async def next(self) -> str:
        async with asyncio.timeout(10):
            return (await asyncio.get_running_loop().sock_recv(self._end, 4096)).decode()

    async def until(self, text: str) -> None:
        while text not in await self.next():
            pass

    def forget(self) -> None:
        """Drop what has come so far."""
        while True:
            try:
                self._end.recv(4096)
            except BlockingIOError:
                return

    def nothing(self) -> bool:
        try:
            self._end.recv(4096)
        except BlockingIOError:
            return True
        return False


@asynccontextmanager
async def _running(directory: Path, daemon: _Daemon) -> AsyncIterator[tuple[Service, _Heard]]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(directory / "notify"))
        end.setblocking(False)
        service = Service(
            ServiceManager(end.getsockname(), patience=_PATIENCE),
            until_progress=daemon.until_progress,
            status=daemon.status,
        )
        running = asyncio.create_task(service.run())
        try:
            yield service, _Heard(end)
        finally:
            running.cancel()


async def test_it_is_ready_once_the_cluster_is(tmp_path: Path) -> None:
    async with _running(tmp_path, _Daemon()) as (service, heard):
        for _ in range(5):
            assert "READY=1" not in await heard.next()
        await service.cluster_is_ready()
        await heard.until("READY=1")
        await service.cluster_is_ready()
        for _ in range(5):
            assert "READY=1" not in await heard.next()


async def test_the_watchdog_is_not_fed_while_the_daemon_hangs(tmp_path: Path) -> None:
    daemon = _Daemon()
    async with _running(tmp_path, daemon) as (service, heard):
        await heard.until("WATCHDOG=1")
        daemon.gets_on.clear()
        # The turn in hand ends, and the next one hangs.
        await service.cluster_is_ready()
        for _ in range(3):
            await asyncio.sleep(0)
        heard.forget()
        waited = asyncio.get_running_loop().time() + 5 * _PATIENCE.total_seconds()
        while asyncio.get_running_loop().time() < waited:
            await asyncio.sleep(_PATIENCE.total_seconds())
            assert heard.nothing()
        daemon.gets_on.set()
        await heard.until("WATCHDOG=1")
