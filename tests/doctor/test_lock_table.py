"""A tenant that takes every lock there is loses its session, and everybody else can log in again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import psycopg
import pytest
from psycopg import errors

from capyd.domain.events import SESSION_ENDED
from capyd.provisioning.lock_table_guard import LockTableGuard
from capyd.sqlite.events import list_events
from tests.doctor.patient import Patient
from tests.stack.polling import until
from tests.state import START


@pytest.fixture
async def guard(patient: Patient) -> AsyncIterator[LockTableGuard]:
    """One with its session standing."""
    guard = LockTableGuard(
        database=patient.database,
        connections=patient.engine.connections,
        cluster=patient.engine.cluster,
        clock=lambda: START,
        watchful_seconds=0,
    )
    assert not await guard.look()
    yield guard
    await guard.close()


async def test_whoever_fills_the_lock_table_is_ended(patient: Patient, guard: LockTableGuard) -> None:
    greedy, neighbour = await patient.project(), await patient.project()
    with greedy.connect() as session:
        with pytest.raises(errors.OutOfMemory):
            session.execute("SELECT pg_advisory_lock(g) FROM generate_series(1, 10000000) AS g")
        with pytest.raises(psycopg.OperationalError, match="out of shared memory"):
            neighbour.connect()
        assert await guard.look()

        async def may_log_in() -> bool:
            with suppress(psycopg.OperationalError):
                await asyncio.to_thread(lambda: neighbour.connect().close())
                return True
            return False

        assert await until(may_log_in)
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT")
    assert not await guard.look()
    async with patient.database.reading() as reads:
        events = await list_events(reads, after=0, limit=1000)
    (event,) = [event for event in events if event.type == SESSION_ENDED]
    assert (event.project_id, event.details["reason"]) == (greedy.project_id, "lock_table")
