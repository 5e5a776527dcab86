"""An aiohttp server that answers every request with the same JSON: what HTTP itself costs on this machine."""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import uvloop
from aiohttp import web

from benchmarks.children import running
from capyd.runtime.atomic_file import write_atomically
from capyd.runtime.signals import stop_event

_READY_SECONDS = 15


@asynccontextmanager
async def running_constant() -> AsyncIterator[Callable[[], Awaitable[float]]]:
    """Run the server during the block; its value makes one request and returns the seconds it took."""
    with tempfile.TemporaryDirectory() as scratch:
        url_file = Path(scratch) / "url"
        argv = [sys.executable, "-m", "benchmarks.constant", str(url_file)]
        async with running(argv, log=Path(scratch) / "log") as child:
            url = await child.until_written(url_file, seconds=_READY_SECONDS)
            async with aiohttp.ClientSession(url) as session:

                async def request() -> float:
                    started = time.perf_counter()
                    async with session.post("/v1/projects", json={"name": "Benchmark"}) as response:
                        await response.json()
                    return time.perf_counter() - started

                yield request


async def _serve(url_file: Path) -> None:
    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=b'{"project":{"id":"prj_constant"}}', content_type="application/json")

    stop = stop_event()
    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        write_atomically(url_file, f"http://127.0.0.1:{runner.addresses[0][1]}".encode())
        await stop.wait()
    finally:
        await runner.cleanup()


def main() -> None:
    """Serve on a free port, whose URL is put into the file that is named, until SIGTERM."""
    parser = argparse.ArgumentParser(prog="constant")
    parser.add_argument("url_file", type=Path)
    arguments = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(arguments.url_file))


if __name__ == "__main__":
    main()
