"""Whoever follows the events goes on over a daemon that stops, and one that is killed, as if nothing had been."""

import asyncio
import contextlib

import grpc

from capyd.client.channel import open_channel
from capyd.client.events import follow_events
from capyd.v1 import cluster_pb2 as pb
from capyd.v1.cluster_pb2_grpc import ClusterServiceStub
from tests.reliability.host import Host
from tests.stack.grpc_errors import refused
from tests.stack.polling import until
from tests.state_loss.installation import create_key, create_projects


async def test_a_follower_goes_on_over_every_end_of_the_daemon(host: Host) -> None:
    told: list[int] = []

    async def follow() -> None:
        async for event in follow_events(channel, after=0):
            told.append(event.sequence)

    async def number() -> int:
        return len(told)

    async with open_channel(f"unix:{host.directory / 'admin.sock'}") as channel:
        async with host.daemon() as daemon:
            await create_projects(daemon.client, 1)
            following = asyncio.create_task(follow())
            await until(number, lambda found: found >= 6)
            stream = aiter(ClusterServiceStub(channel).WatchEvents(pb.WatchEventsRequest()))
            await anext(stream)
            stopping = asyncio.to_thread(daemon.stop)
            status, refusal = await asyncio.gather(stopping, refused(anext(stream)))
            assert status == 0
            assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "draining")
        for name in ("after a stop", "after a kill"):
            async with host.daemon() as daemon:
                before = len(told)
                await create_key(host, name)
                await until(number, lambda found, least=before: found > least)
                daemon.kill()
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
    assert told == list(range(1, len(told) + 1))
