"""Sessions of the attacker's that outlast an attempt: a login costs more than most statements."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from capyd.attack.attempt import Door
from capyd.attack.canary import Canary, Session


class KeptSessions:
    """One session a door. One that an attempt may have changed is closed, and the next attempt has a new one."""

    def __init__(self, canary: Canary) -> None:
        self._canary = canary
        self._sessions: dict[Door, Session] = {}

    @asynccontextmanager
    async def borrow(self, door: Door) -> AsyncIterator[Session]:
        """The session, to be given back as it was found: call `spoil` if it is not."""
        session = self._sessions.pop(door, None)
        if session is None or session.closed:
            session = await self._canary.connect(door)
        try:
            yield session
        except BaseException:
            await session.close()
            raise
        self._sessions[door] = session

    async def spoil(self, door: Door) -> None:
        """Something was done that should not have been: nothing of it may reach the next attempt."""
        session = self._sessions.pop(door, None)
        if session is not None:
            await session.close()

    async def close(self) -> None:
        """End them all."""
        for door in list(self._sessions):
            await self.spoil(door)
