"""Follows a daemon's events across its restarts."""

import asyncio
from collections.abc import AsyncIterator

import grpc

from capyd.client.channel import Channel
from capyd.v1 import cluster_pb2 as pb
from capyd.v1.cluster_pb2_grpc import ClusterServiceStub

_RETRY_SECONDS = 1.0
_AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


async def follow_events(
    channel: Channel, *, after: int | None, stream_id: str | None = None
) -> AsyncIterator[pb.Event]:
    """Every event after `after` (None: from now on), for ever. A daemon that is away is waited for.

    Raises:
        grpc.aio.AioRpcError: events in between were pruned, or the stream is another one by now: start over. Also
            when the very first call is not answered.
    """
    stub = ClusterServiceStub(channel)
    position, answered = after, False
    while True:
        request = pb.WatchEventsRequest(after_sequence=position, stream_id=stream_id)
        try:
            async for response in stub.WatchEvents(request):
                answered = True
                stream_id = response.stream_id
                if position is None:
                    position = response.newest_sequence
                for event in response.events:
                    yield event
                    position = event.sequence
        except grpc.aio.AioRpcError as error:
            if not answered or error.code() not in _AWAY:
                raise
        await asyncio.sleep(_RETRY_SECONDS)
