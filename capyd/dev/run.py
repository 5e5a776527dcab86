"""One run of `capyd dev`, from the options to the stop."""

import asyncio
from contextlib import suppress
from typing import NoReturn

from capyd.dev.options import Options
from capyd.dev.prepare import prepared_stack
from capyd.dev.progress import Progress
from capyd.dev.stack import run_stack
from capyd.runtime.signals import stop_event


async def run(options: Options, progress: Progress) -> None:
    """Run a stack until SIGINT or SIGTERM, and stop it.

    Raises:
        StackError, HostError: it could not be started, or not be kept.
    """
    signalled = asyncio.create_task(stop_event().wait())
    stack = asyncio.create_task(_run(options, progress))
    await asyncio.wait({signalled, stack}, return_when=asyncio.FIRST_COMPLETED)
    if signalled.done():
        stack.cancel()
    signalled.cancel()
    with suppress(asyncio.CancelledError):
        await stack


async def _run(options: Options, progress: Progress) -> NoReturn:
    async with prepared_stack(options, progress) as prepared:
        await run_stack(prepared, options, progress)
