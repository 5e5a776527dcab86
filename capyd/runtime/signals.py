"""SIGTERM, SIGINT and SIGHUP as events to wait for. Call these inside the running loop."""

import asyncio
import signal


def stop_event() -> asyncio.Event:
    """An event that the first SIGTERM or SIGINT sets."""
    return _event(signal.SIGTERM, signal.SIGINT)


def reload_event() -> asyncio.Event:
    """An event that every SIGHUP sets; whoever waits for it clears it."""
    return _event(signal.SIGHUP)


def _event(*numbers: signal.Signals) -> asyncio.Event:
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in numbers:
        loop.add_signal_handler(number, event.set)
    return event
