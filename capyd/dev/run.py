"""One run of `capyd dev`, from the options to the stop."""

import asyncio
import signal
from contextlib import suppress

from capyd.dev.options import Options
from capyd.dev.prepare import prepared_stack
from capyd.dev.progress import Progress
from capyd.dev.stack import run_stack
from capyd.runtime.signals import stop_event


async def run(options: Options, progress: Progress) -> None:
    """Run a stack until SIGINT, SIGTERM or the terminal's SIGHUP, and stop it.

    Raises:
        StackError, HostError: it could not be started, or not be kept.
    """
    stop = stop_event()
    _stop_on_hang_up(stop, progress)
    signalled = asyncio.create_task(stop.wait())
    stack = asyncio.create_task(_run(options, progress))
    await asyncio.wait({signalled, stack}, return_when=asyncio.FIRST_COMPLETED)
    if signalled.done():
        stack.cancel()
    signalled.cancel()
    with suppress(asyncio.CancelledError):
        await stack


def _stop_on_hang_up(stop: asyncio.Event, progress: Progress) -> None:
    def hang_up() -> None:
        progress.hang_up()
        stop.set()

    # Under nohup it is ignored, and stays so.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hang_up)


async def _run(options: Options, progress: Progress) -> None:
    async with prepared_stack(options, progress) as prepared:
        await run_stack(prepared, options, progress)
