"""Events over gRPC, on a whole stack."""

import asyncio
import json
import subprocess
import sys

import grpc
import pytest

from capyd.client.events import follow_events
from capyd.v1 import cluster_pb2 as pb
from capyd.v1.cluster_pb2_grpc import ClusterServiceStub
from tests.stack import projects
from tests.stack.grpc_errors import refused
from tests.stack.running import RunningStack


async def newest(stack: RunningStack) -> pb.ListEventsResponse:
    return await ClusterServiceStub(stack.admin).ListEvents(pb.ListEventsRequest(page_size=1))


async def told_of(stack: RunningStack, project_id: str, *, after: int, until: str) -> list[pb.Event]:
    """The project's events after `after` up to one of the type `until`; every sequence is seen on the way."""
    found, expected = [], after + 1
    async with asyncio.timeout(30):
        async for event in follow_events(stack.admin, after=after):
            assert event.sequence == expected
            expected += 1
            if event.project_id == project_id:
                found.append(event)
                if event.type == until:
                    return found
    raise AssertionError("the stream has ended")


async def test_a_project_s_events_come_in_order(stack: RunningStack) -> None:
    before = await newest(stack)
    project = await projects.create_ready(stack.rest, "told")
    await projects.delete(stack.rest, project["id"])
    told = await told_of(stack, project["id"], after=before.newest_sequence, until="project.deleted")
    types = [event.type for event in told]
    for types_in_order in (
        ["project.created", "job.accepted", "job.started", "job.completed", "project.deleted"],
        ["project.created", "project.state_changed", "project.state_changed", "project.deleted"],
    ):
        places = iter(types)
        assert all(each in places for each in types_in_order), types
    assert [event.details["state"] for event in told if event.type == "project.state_changed"] == ["ready", "deleting"]
    assert all(event.organization_id == stack.organization_id for event in told)


async def test_whose_stream_or_place_is_gone_is_told(stack: RunningStack) -> None:
    watch = ClusterServiceStub(stack.admin).WatchEvents
    known = await newest(stack)
    changed = await refused(anext(aiter(watch(pb.WatchEventsRequest(after_sequence=0, stream_id="stream_old")))))
    assert (changed.code, changed.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "stream_changed")
    beyond = pb.WatchEventsRequest(after_sequence=known.newest_sequence + 1_000_000)
    unknown = await refused(anext(aiter(watch(beyond))))
    assert (unknown.code, unknown.reason) == (grpc.StatusCode.OUT_OF_RANGE, "sequence_unknown")


@pytest.mark.parametrize("method", ["WatchEvents", "ListEvents"])
async def test_an_organization_s_key_sees_none(stack: RunningStack, method: str) -> None:
    stub = ClusterServiceStub(stack.api)
    call = (
        anext(aiter(stub.WatchEvents(pb.WatchEventsRequest())))
        if method == "WatchEvents"
        else stub.ListEvents(pb.ListEventsRequest())
    )
    assert (await refused(call)).code is grpc.StatusCode.PERMISSION_DENIED


async def test_the_command_prints_them(stack: RunningStack) -> None:
    known = await newest(stack)
    argv = [sys.executable, "-m", "capyd", "events", "--target", stack.ready["admin_target"]]
    after = str(max(known.newest_sequence - 3, known.oldest_sequence - 1))
    done = await asyncio.to_thread(
        subprocess.run, [*argv, "--json", "--after", after], capture_output=True, text=True, timeout=30, check=True
    )
    sequences = [json.loads(line)["sequence"] for line in done.stdout.splitlines()]
    assert sequences[0] == int(after) + 1
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
    table = await asyncio.to_thread(
        subprocess.run, [*argv, "--limit", "2"], capture_output=True, text=True, timeout=30, check=True
    )
    assert table.stdout.startswith("SEQUENCE")
    assert len(table.stdout.splitlines()) == 3
