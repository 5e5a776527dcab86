"""The channel that every client opens."""

import grpc
import pytest

from capyd.client.channel import MAX_RECEIVE_BYTES, open_channel
from capyd.v1 import jobs_pb2, jobs_pb2_grpc, organizations_pb2, organizations_pb2_grpc
from tests.http.daemon import GOOD_TOKEN, FakeDaemon


async def test_a_token_goes_with_every_unary_call_beside_its_own_metadata(daemon: FakeDaemon):
    channel = open_channel(daemon.target, token=GOOD_TOKEN)
    stub = organizations_pb2_grpc.OrganizationServiceStub(channel)
    await stub.GetMe(organizations_pb2.GetMeRequest())
    await stub.GetMe(organizations_pb2.GetMeRequest(), metadata=(("x-request-id", "mine"),), timeout=7)
    await channel.close()
    first, second = daemon.seen
    assert first.metadata["authorization"] == second.metadata["authorization"] == f"Bearer {GOOD_TOKEN}"
    assert second.metadata["x-request-id"] == "mine"
    assert second.seconds_left == pytest.approx(7, abs=1)


async def test_a_token_goes_with_every_stream(daemon: FakeDaemon):
    channel = open_channel(daemon.target, token=GOOD_TOKEN)
    daemon.answers["WatchJob"] = jobs_pb2.WatchJobResponse(job=jobs_pb2.Job(id="job_1"))
    stub = jobs_pb2_grpc.JobServiceStub(channel)
    jobs = [response.job.id async for response in stub.WatchJob(jobs_pb2.WatchJobRequest(job_id="job_1"))]
    await channel.close()
    assert jobs == ["job_1"]
    assert daemon.seen[-1].metadata["authorization"] == f"Bearer {GOOD_TOKEN}"


async def test_without_a_token_none_is_sent(daemon: FakeDaemon):
    channel = open_channel(daemon.target)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await organizations_pb2_grpc.OrganizationServiceStub(channel).GetMe(organizations_pb2.GetMeRequest())
    await channel.close()
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert "authorization" not in daemon.seen[-1].metadata


@pytest.mark.parametrize(
    ("size", "code"), [(MAX_RECEIVE_BYTES - 1000, None), (MAX_RECEIVE_BYTES, grpc.StatusCode.RESOURCE_EXHAUSTED)]
)
async def test_answers_up_to_the_limit_arrive(daemon: FakeDaemon, size, code):
    channel = open_channel(daemon.target, token=GOOD_TOKEN)
    daemon.answers["GetMe"] = organizations_pb2.GetMeResponse(
        organization=organizations_pb2.Organization(name="x" * size)
    )
    call = organizations_pb2_grpc.OrganizationServiceStub(channel).GetMe(organizations_pb2.GetMeRequest())
    assert await call.code() == (code or grpc.StatusCode.OK)
    await channel.close()
