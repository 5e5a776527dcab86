"""One run: stack up, workload and kills, rest, look."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import psycopg

from capyd.config.settings import SpareSettings
from reliability.clients import Client, GrpcClient, Losses, RestClient, open_grpc, open_session, until_answered
from reliability.invariants import Seen, Tenant, Verdict, check, orphaned_directories
from reliability.records import Told
from reliability.schedule import MANNERS, Schedule
from reliability.stack import Stack
from reliability.witness import Witness, witnessing
from reliability.workload import FINAL, Pace, Run, run_client

_REST_SECONDS = 600.0
_POLL_SECONDS = 0.2
_SPARES = SpareSettings().target

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to."""

    run: Run
    losses: Losses
    verdicts: list[Verdict]
    orphans: list[str]
    jobs: list[tuple[str, str, int]]
    """Type, state, how many."""
    seconds: float

    @property
    def good(self) -> bool:
        return all(verdict.holds for verdict in self.verdicts)


async def run_chaos(stack: Stack, schedule: Schedule, tell: Tell) -> Outcome:
    """Run the schedule on a stack that is up, and check what is left.

    Raises:
        RefusedError: an answer that no kill explains.
        StackFailedError: a program was not started again.
    """
    started = time.monotonic()
    ready = stack.ready
    run, losses = Run(), Losses()
    pace = Pace(stack, schedule.kills, run, tell)
    async with contextlib.AsyncExitStack() as open_:
        session = await open_.enter_async_context(open_session(ready["http_url"], ready["api_key"]))
        channel = open_grpc(ready["grpc_target"], ready["api_key"])
        open_.push_async_callback(channel.close)
        witness = await open_.enter_async_context(witnessing(ready["admin_target"]))
        faces: tuple[Client, ...] = (RestClient(session, losses), GrpcClient(channel, losses))
        try:
            async with asyncio.TaskGroup() as clients:
                for number, operations in enumerate(schedule.clients):
                    clients.create_task(run_client(number, faces[number % 2], operations, pace, run))
        except* Exception as group:
            raise group.exceptions[0] from None
        tell("waiting for rest")
        await stack.until_all_run({manner.program for manner in MANNERS})
        await _until_rest(stack)
        tell("looking")
        seen = await _look(stack, session, run, witness)
    verdicts = await asyncio.to_thread(check, seen)
    jobs = stack.query_state("SELECT type, state, count(*) FROM jobs GROUP BY type, state ORDER BY type, state")
    return Outcome(run, losses, verdicts, orphaned_directories(seen), jobs, time.monotonic() - started)


async def _until_rest(stack: Stack) -> None:
    """Return when no job is open, and nothing is being built or dropped; or when that goes on for too long."""
    with contextlib.suppress(TimeoutError):  # the invariants say then what is not final
        async with asyncio.timeout(_REST_SECONDS):
            while not await asyncio.to_thread(_is_at_rest, stack):  # noqa: ASYNC110  (nothing announces it)
                await asyncio.sleep(_POLL_SECONDS)


def _is_at_rest(stack: Stack) -> bool:
    """Everything final, finished and pooled, and the answers of the API with it."""
    try:
        open_jobs = stack.query_state(f"SELECT 1 FROM jobs WHERE state NOT IN {FINAL} AND scheduled = 0")
        tenants = stack.query_cluster("SELECT database_name, state, pooled FROM capyd.tenants")
    except psycopg.OperationalError:
        return False
    if open_jobs or not all(state in ("spare", "claimed") and pooled for _, state, pooled in tenants):
        return False
    spares = sum(state == "spare" for _, state, _ in tenants)
    return spares >= _SPARES and {name for name, *_ in tenants} == set(stack.pooler_entries)


async def _look(stack: Stack, session: aiohttp.ClientSession, run: Run, witness: Witness) -> Seen:
    async def get(path: str) -> dict[str, Any]:
        async def once() -> dict[str, Any]:
            async with session.get(path) as response:
                response.raise_for_status()
                found: dict[str, Any] = await response.json()
                return found

        # The last one killed may run again, and not listen yet.
        answer: dict[str, Any] = await until_answered(once, Losses())
        return answer

    projects = {project["id"]: project for project in (await get("/v1/projects"))["projects"]}
    urls = {}
    for project_id, project in projects.items():
        if project["state"] == "ready":
            found = (await get(f"/v1/projects/{project_id}/connections"))["connections"]
            urls[project_id] = (found["direct_url"], found["pooled_url"])
    rows = stack.query_cluster("SELECT database_name, state, project_id, login_name, retiring_name FROM capyd.tenants")
    tenants = {database: Tenant(*rest) for database, *rest in rows}
    await witness.catch_up()
    return Seen(run.wishes, projects, urls, tenants, stack, Told(stack, witness.events, run.acknowledged))
