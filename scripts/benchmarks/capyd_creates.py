"""Projects created through the public API, each as some client would."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import grpc
import psycopg

from benchmarks.benchmark import BenchmarkError
from benchmarks.stacks import Stack
from capyd.client.channel import open_channel
from capyd.v1 import jobs_pb2 as pb
from capyd.v1.jobs_pb2_grpc import JobServiceStub

_POLL_SECONDS = 0.001
_BURST_POLL_SECONDS = 0.01  # often enough for a burst of seconds, and not so often as to be its load
_JOB_SECONDS = 30

_numbers = itertools.count(1)


class CapydCreates:
    """The ways of one stack. Each call creates a project, leaves it, and returns seconds since before its POST."""

    def __init__(self, rest: aiohttp.ClientSession, api: grpc.aio.Channel) -> None:
        self._rest = rest
        self._jobs = JobServiceStub(api)

    async def polled(self) -> float:
        """Until a GET says that the job is completed."""
        started = time.perf_counter()
        await self._create_and_poll()
        return time.perf_counter() - started

    async def watched(self) -> float:
        """Until the stream of the job says so."""
        started = time.perf_counter()
        created = await self._call("POST", "/v1/projects", {"name": _name()})
        state, error = created["job"]["state"], ""
        request = pb.WatchJobRequest(job_id=created["job"]["id"])
        async for update in self._jobs.WatchJob(request, timeout=_JOB_SECONDS):
            state, error = update.job.state, update.job.error
        _require_completed(state, error)
        return time.perf_counter() - started

    async def direct(self) -> float:
        """Until the project's first query has its answer from PostgreSQL."""
        return await self._first_query("direct_url")

    async def pooled(self) -> float:
        """Until it has it through PgBouncer."""
        return await self._first_query("pooled_url")

    async def burst(self, creates: int) -> float:
        """So many at once, until the last job is completed."""
        started = time.perf_counter()
        posted = await asyncio.gather(
            *(self._call("POST", "/v1/projects", {"name": _name()}) for _ in range(creates)),
        )
        for created in posted:
            await self._until_completed(created["job"], every=_BURST_POLL_SECONDS)
        return time.perf_counter() - started

    async def _first_query(self, url: str) -> float:
        started = time.perf_counter()
        project = await self._create_and_poll()
        connections = (await self._call("GET", f"/v1/projects/{project['id']}/connections"))["connections"]
        # Behind a transaction pooler a client does not name its prepared statements.
        async with await psycopg.AsyncConnection.connect(connections[url], prepare_threshold=None) as tenant:
            await (await tenant.execute("SELECT 1")).fetchone()
            return time.perf_counter() - started

    async def _create_and_poll(self) -> dict[str, Any]:
        created = await self._call("POST", "/v1/projects", {"name": _name()})
        await self._until_completed(created["job"], every=_POLL_SECONDS)
        return dict(created["project"])

    async def _until_completed(self, job: dict[str, Any], *, every: float) -> None:
        deadline = time.perf_counter() + _JOB_SECONDS
        while job["state"] in {"pending", "running"} and time.perf_counter() < deadline:
            await asyncio.sleep(every)
            job = (await self._call("GET", f"/v1/jobs/{job['id']}"))["job"]
        _require_completed(job["state"], job.get("error", ""))

    async def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        async with self._rest.request(method, path, json=body) as response:
            answer: dict[str, Any] = await response.json()
            if response.status >= 400:
                raise BenchmarkError(f"{method} {path} was refused: {answer.get('error', answer)}")
        return answer


@asynccontextmanager
async def open_creates(stack: Stack) -> AsyncIterator[CapydCreates]:
    """A client of this stack."""
    channel = open_channel(stack.grpc_target, token=stack.api_key)
    try:
        yield CapydCreates(stack.rest, channel)
    finally:
        await channel.close()


def _name() -> str:
    return f"Benchmark {next(_numbers)}"


def _require_completed(state: str, error: str) -> None:
    if state != "completed":
        raise BenchmarkError(f"a create job is {state}: {error}")
