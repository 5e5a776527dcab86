"""A hundred creates at once where no spare is left, beside how fast PostgreSQL makes databases at all."""

import asyncio
import itertools
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack

import psycopg
from psycopg import sql

from benchmarks.benchmark import Benchmark, Report, Row, Terms
from benchmarks.capyd_creates import open_creates
from benchmarks.disks import describe_disk
from benchmarks.stacks import WITHOUT_SPARES, Stack, running_stack
from benchmarks.versions import measured_versions

BURST = 100
CONNECTIONS = (1, 2, 4)
BARE = 50
_ROUNDS_FOR_EACH = 25  # a round is hundreds of databases, and two GB

_numbers = itertools.count(1)


async def run(terms: Terms) -> Report:
    """Burst by burst, in turn."""
    terms.tell("starting the stack")
    async with AsyncExitStack() as held:
        stack = await held.enter_async_context(running_stack(WITHOUT_SPARES, postgres_bin=terms.postgres_bin))
        creates = await held.enter_async_context(open_creates(stack))
        milliseconds: dict[int | None, list[float]] = {contender: [] for contender in (None, *CONNECTIONS)}
        rounds = max(1, terms.rounds // _ROUNDS_FOR_EACH)
        await creates.burst(10)
        for number in range(rounds):
            order = [*milliseconds]
            first = number % len(order)
            for contender in (*order[first:], *order[:first]):
                terms.tell(f"round {number + 1} of {rounds}: {contender or 'capyd'}")
                if contender is None:
                    each = await creates.burst(BURST) / BURST
                else:
                    each = await _by_statements(stack, contender) / BARE
                milliseconds[contender].append(each * 1000)
        rows = {
            contender: Row(_name(contender), _includes(contender), samples)
            for contender, samples in milliseconds.items()
        }
        best = min(CONNECTIONS, key=lambda connections: rows[connections].median)
        return Report(
            rows=tuple(rows.values()),
            reference=_name(best),
            disk=describe_disk(stack.servers),
            versions=measured_versions(stack.postgres_version),
            notes=(
                "A sample is the time of a burst, divided by how many it makes.",
                f"{_name(best)} was the fastest of the bare ones, and so is what the others are compared with: "
                f"the creates reach {rows[best].median / rows[None].median:.2f} of its rate.",
                "All databases stay until the end: a drop is a checkpoint, which the next burst would feel.",
                "Everything, the client included, shares the machine's cores.",
            ),
        )


def _name(connections: int | None) -> str:
    if connections is None:
        return f"{BURST} creates at once"
    return f"{BARE} by psycopg, {connections} connection{'s' * (connections > 1)}"


def _includes(connections: int | None) -> str:
    if connections is None:
        return (
            f"{BURST} POST /v1/projects at once on a stack that keeps no spares, until the last job is `completed`: "
            "built, opened, and known to the pooler"
        )
    return f"CREATE ROLE, CREATE DATABASE and GRANT, {BARE} times, on {connections} open connection(s)"


async def _by_statements(stack: Stack, connections: int) -> float:
    """Seconds until all are made."""
    names = [f"by_statements_in_burst_{next(_numbers)}" for _ in range(BARE)]
    async with AsyncExitStack() as held:
        opened = [await held.enter_async_context(await stack.connect("postgres")) for _ in range(connections)]
        waiting = iter(names)
        started = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for connection in opened:
                tasks.create_task(_make(connection, waiting))
        return time.perf_counter() - started


async def _make(connection: psycopg.AsyncConnection, names: Iterator[str]) -> None:
    for text in names:
        name = sql.Identifier(text)
        await connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'not-a-secret'").format(name))
        await connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
        await connection.execute(sql.SQL("GRANT ALL ON DATABASE {0} TO {0}").format(name))


BENCHMARK = Benchmark("burst", "a hundred creates at once without spares, beside bare CREATE DATABASE", run)
