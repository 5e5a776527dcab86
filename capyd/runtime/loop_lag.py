"""How late the event loop runs what is due: what every request waits for beside its own work."""

import asyncio
from collections.abc import Callable
from typing import Final

_PACE_SECONDS: Final = 0.5


async def watch_loop_lag(observe: Callable[[float], None]) -> None:
    """Tell how many seconds late a timer fired, twice a second, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + _PACE_SECONDS
        await asyncio.sleep(_PACE_SECONDS)
        observe(max(loop.time() - due, 0.0))
