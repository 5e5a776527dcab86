"""Follows the events of a stack through every death, as a fleet controller would, and keeps what it was told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from capyd.client.channel import Channel, open_channel
from capyd.client.events import follow_events
from capyd.v1 import cluster_pb2 as pb
from capyd.v1.cluster_pb2_grpc import ClusterServiceStub

_CATCH_UP_SECONDS = 60.0


class Witness:
    """What was told, in its order."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._arrived = asyncio.Event()
        self.events: list[pb.Event] = []

    async def follow(self) -> None:
        """From the first event on, until cancelled."""
        async for event in follow_events(self._channel, after=0):
            self.events.append(event)
            self._arrived.set()

    async def catch_up(self) -> None:
        """Return when all that has happened was told; or when that takes too long, which an invariant says then."""
        newest = (await ClusterServiceStub(self._channel).ListEvents(pb.ListEventsRequest(page_size=1))).newest_sequence
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CATCH_UP_SECONDS):
                while not self.events or self.events[-1].sequence < newest:
                    self._arrived.clear()
                    await self._arrived.wait()


@asynccontextmanager
async def witnessing(target: str) -> AsyncIterator[Witness]:
    """A witness of the block."""
    async with open_channel(target) as channel:
        witness = Witness(channel)
        following = asyncio.create_task(witness.follow())
        try:
            # Whoever is told nothing at first does not try again: no kill before.
            await witness.catch_up()
            yield witness
        finally:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following
