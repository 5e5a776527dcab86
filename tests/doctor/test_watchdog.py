"""Sessions beyond their project's timeouts are stopped, whatever they have set; all others are left alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import psycopg
import pytest
from psycopg import errors

from capyd.config.settings import WatchdogSettings
from capyd.domain.events import SESSION_CANCELLED, SESSION_ENDED, Event
from capyd.domain.projects import ProjectState
from capyd.provisioning.watchdog import Watchdog
from capyd.sqlite.audit import list_audit_events
from capyd.sqlite.events import list_events
from tests.doctor.patient import Login, Patient
from tests.stack.polling import until
from tests.state import START

LIFTED = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;"
FOR_EVER = f"{LIFTED} SELECT pg_sleep(600)"
DEAF = f"""{LIFTED}
    DO $$ BEGIN
        LOOP BEGIN PERFORM pg_sleep(600); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP;
    END $$"""


class Kennel:
    """A watchdog without tolerance, and what it has told."""

    def __init__(self, patient: Patient) -> None:
        self.patient = patient
        self.now = START
        self.watchdog = Watchdog(
            database=patient.database,
            connections=patient.engine.connections,
            cluster=patient.engine.cluster,
            settings=WatchdogSettings(tolerance=timedelta()),
            clock=lambda: self.now,
        )

    async def project(self, *, milliseconds: int = 100) -> Login:
        login = await self.patient.project()
        await self.patient.set_state(login.project_id, ProjectState.READY)
        async with self.patient.database.transaction() as tx:
            await tx.execute(
                "UPDATE projects SET statement_timeout = :limit, idle_transaction_timeout = :limit WHERE id = :id",
                {"limit": milliseconds, "id": login.project_id},
            )
        return login

    async def events(self) -> list[Event]:
        async with self.patient.database.reading() as reads:
            events = await list_events(reads, after=0, limit=1000)
        return [event for event in events if event.type in (SESSION_CANCELLED, SESSION_ENDED)]

    async def acts(self) -> list[str]:
        async with self.patient.database.reading() as reads:
            trail = await list_audit_events(reads, after=0, limit=1000)
        return [event.action for event in trail if event.action.startswith("session.")]


@asynccontextmanager
async def running(connection: psycopg.Connection, statement: str) -> AsyncIterator[asyncio.Task[object]]:
    """The statement, on its way in a thread; over, one way or another, when the block is."""
    task = asyncio.create_task(asyncio.to_thread(connection.execute, statement))
    try:
        yield task
    finally:
        connection.close()
        await asyncio.wait([task])


@pytest.mark.parametrize("pooled", [False, True], ids=["direct", "pooled"])
async def test_a_statement_without_end_is_cancelled(patient: Patient, pooled: bool) -> None:
    kennel = Kennel(patient)
    login = await kennel.project()
    async with running(login.connect(pooled=pooled), FOR_EVER) as statement:
        assert await until(kennel.watchdog.look) == 1
        with pytest.raises(errors.QueryCanceled):
            await statement
    (event,) = await kennel.events()
    assert (event.type, event.project_id, event.organization_id) == (SESSION_CANCELLED, login.project_id, "org_1")
    assert event.details["login"] == login.names.login
    assert event.details["door"] == ("pooled" if pooled else "direct")
    assert (event.details["reason"], event.details["limit_milliseconds"]) == ("statement_timeout", 100)
    assert await kennel.acts() == ["session.cancel"]


@pytest.mark.parametrize("pooled", [False, True], ids=["direct", "pooled"])
async def test_one_that_catches_the_cancel_is_ended(patient: Patient, pooled: bool) -> None:
    kennel = Kennel(patient)
    login = await kennel.project()
    async with running(login.connect(pooled=pooled), DEAF) as statement:
        assert await until(kennel.watchdog.look) == 1
        assert not statement.done()
        assert await until(kennel.watchdog.look) == 1
        with pytest.raises(psycopg.OperationalError):
            await statement
    assert [event.type for event in await kennel.events()] == [SESSION_CANCELLED, SESSION_ENDED]
    assert await kennel.acts() == ["session.cancel", "session.end"]


@pytest.mark.parametrize("pooled", [False, True], ids=["direct", "pooled"])
async def test_one_idle_in_a_transaction_is_ended(patient: Patient, pooled: bool) -> None:
    kennel = Kennel(patient)
    login = await kennel.project()
    with login.connect(pooled=pooled) as session:
        session.execute(f"BEGIN; {LIFTED}")
        assert await until(kennel.watchdog.look) == 1
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT")
    (event,) = await kennel.events()
    assert (event.type, event.details["reason"]) == (SESSION_ENDED, "idle_transaction_timeout")


async def test_all_others_are_left_alone(patient: Patient) -> None:
    """All are idle in a transaction for longer than the hostile one may be; the quiet one is its own, and just idle."""
    kennel = Kennel(patient)
    patient.do("DROP ROLE IF EXISTS watched_stranger", "CREATE ROLE watched_stranger LOGIN PASSWORD 'x'")
    hostile, honest = await kennel.project(), await kennel.project(milliseconds=60_000)
    patient.do(f"GRANT CONNECT ON DATABASE {hostile.names.database} TO watched_stranger")
    with (
        patient.cluster.connect(hostile.names.database) as administrator,
        hostile.connect(user="watched_stranger", password="x") as stranger,
        honest.connect() as patiently,
        hostile.connect() as quiet,
    ):
        administrator.execute("BEGIN")
        stranger.execute("BEGIN")
        patiently.execute("BEGIN")
        quiet.execute("SELECT")
        async with running(hostile.connect(), FOR_EVER) as statement:
            assert await until(kennel.watchdog.look) == 1
            with pytest.raises(errors.QueryCanceled):
                await statement
        assert await kennel.watchdog.look() == 0
        for untouched in (administrator, stranger, patiently, quiet):
            untouched.execute("SELECT")
    assert len(await kennel.events()) == 1


async def test_a_project_that_is_stopped_again_and_again_is_told_of_once_a_minute(patient: Patient) -> None:
    kennel = Kennel(patient)
    login = await kennel.project()

    async def offend() -> None:
        with login.connect() as session:
            session.execute("BEGIN")
            assert await until(kennel.watchdog.look) == 1
            with pytest.raises(psycopg.OperationalError):
                session.execute("SELECT")

    for _ in range(3):
        await offend()
    assert [event.details["times"] for event in await kennel.events()] == [1]
    kennel.now += timedelta(minutes=1)
    await offend()
    assert [event.details["times"] for event in await kennel.events()] == [1, 3]
    assert await kennel.acts() == ["session.end"] * 2


async def test_projects_that_others_shut_are_left_to_them(patient: Patient) -> None:
    kennel = Kennel(patient)
    login, offender = await kennel.project(), await kennel.project()
    await patient.set_state(login.project_id, ProjectState.DELETING)
    with login.connect() as session, offender.connect() as other:
        session.execute("BEGIN")
        other.execute("BEGIN")
        assert await until(kennel.watchdog.look) == 1
        with pytest.raises(psycopg.OperationalError):
            other.execute("SELECT")
        session.execute("SELECT")
    (event,) = await kennel.events()
    assert event.project_id == offender.project_id
