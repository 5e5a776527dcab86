"""Follows a job across restarts of its daemon."""

import asyncio
from collections.abc import AsyncIterator

import grpc

from capyd.client.channel import Channel
from capyd.v1.jobs_pb2 import Job, WatchJobRequest
from capyd.v1.jobs_pb2_grpc import JobServiceStub

_RETRY_SECONDS = 1.0
_AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
_FINAL = ("completed", "failed")


async def watch_job(channel: Channel, job_id: str) -> AsyncIterator[Job]:
    """The job as it is, at each change, and for the last time when it is final. A daemon that is away is waited for.

    Raises:
        grpc.aio.AioRpcError: there is no such job, or the very first call is not answered.
    """
    answered = False
    while True:
        try:
            async for response in JobServiceStub(channel).WatchJob(WatchJobRequest(job_id=job_id)):
                answered = True
                yield response.job
                if response.job.state in _FINAL:
                    return
        except grpc.aio.AioRpcError as error:
            if not answered or error.code() not in _AWAY:
                raise
        await asyncio.sleep(_RETRY_SECONDS)
