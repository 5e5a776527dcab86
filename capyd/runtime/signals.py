"""SIGTERM and SIGINT as an event to wait for."""

import asyncio
import signal


def stop_event() -> asyncio.Event:
    """An event that the first SIGTERM or SIGINT sets. Call it inside the running loop."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, event.set)
    return event
