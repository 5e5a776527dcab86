"""`capyd dev` with `[spares] target = 0` in its daemon's configuration, so that every create builds its database."""

import argparse
import asyncio
from pathlib import Path

from rich.console import Console

from capyd.dev.options import Options
from capyd.dev.prepare import prepared_stack
from capyd.dev.progress import Progress
from capyd.dev.stack import run_stack
from capyd.runtime.signals import stop_event


async def run(options: Options) -> None:
    """Run until SIGINT or SIGTERM."""
    stop = stop_event()
    signalled = asyncio.create_task(stop.wait())
    stack = asyncio.create_task(_run_stack(options))
    await asyncio.wait({signalled, stack}, return_when=asyncio.FIRST_COMPLETED)
    signalled.cancel()
    if not stack.done():
        stack.cancel()
    await asyncio.wait({stack})
    if not stack.cancelled():
        stack.result()


async def _run_stack(options: Options) -> None:
    progress = Progress(Console(stderr=True))
    async with prepared_stack(options, progress) as prepared:
        # Between the writing of the file and the daemon's start.
        with prepared.layout.daemon_settings.open("a") as settings:
            settings.write("\n[spares]\ntarget = 0\n")
        await run_stack(prepared, options, progress)


def main() -> None:
    """The options are those of `capyd dev`."""
    parser = argparse.ArgumentParser(prog="without_spares")
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--ready-file", type=Path, required=True)
    parser.add_argument("--postgres-bin")
    arguments = parser.parse_args()
    asyncio.run(run(Options(arguments.state_dir, {}, arguments.postgres_bin, arguments.ready_file)))


if __name__ == "__main__":
    main()
