"""The audit trail: with the change or not at all, refusals too, and no attacker fills the disk with it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from capyd.domain.api_keys import new_token
from capyd.domain.audit import ACCEPTED, AuditEvent
from capyd.domain.callers import ANYBODY, Caller
from capyd.domain.errors import ForbiddenError, NotFoundError, UnauthenticatedError, UnavailableError
from capyd.domain.principals import PLATFORM_ADMINISTRATOR, Principal
from capyd.sqlite.audit import list_audit_events
from capyd.sqlite.database import Database
from capyd.sqlite.facts import find_fact, put_fact
from capyd.usecases.audit import AuditedCall, AuditTrail
from tests.state import ManualClock, add_organization, add_project, open_state

KEY = Principal(auth_source="api_key", scopes=("*",), organization_id="org_1", api_key_id="key_1")
CALLER = Caller(KEY, "192.0.2.7", "req_1")
CALL = AuditedCall("project.update", "project", "prj_1", None, "prj_1", None, {"name": "x"})


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_state(tmp_path / "s") as opened:
        await add_organization(opened)
        await add_organization(opened, "org_2")
        await add_project(opened)
        yield opened


@pytest.fixture
def trail(database: Database) -> AuditTrail:
    return AuditTrail(database=database, clock=ManualClock())


async def written(database: Database) -> Sequence[AuditEvent]:
    async with database.reading() as reads:
        return await list_audit_events(reads, after=0, limit=100_000)


async def test_a_change_and_its_row_are_one(database: Database, trail: AuditTrail) -> None:
    async def change() -> tuple[str, AuditedCall, str]:
        async with database.transaction() as tx:
            await put_fact(tx, "postgres_version", "18")
        return "answer", CALL, ACCEPTED

    assert await trail.change(CALLER, change) == "answer"
    (event,) = await written(database)
    assert (event.actor_kind, event.actor_id, event.auth_source) == ("api_key", "key_1", "api_key")
    assert (event.action, event.outcome, event.target_id) == ("project.update", "accepted", "prj_1")
    assert (event.organization_id, event.project_id) == ("org_1", "prj_1")
    assert (event.address, event.request_id, event.metadata) == ("192.0.2.7", "req_1", {"name": "x"})


async def test_a_change_that_fails_or_is_cancelled_leaves_neither(database: Database, trail: AuditTrail) -> None:
    changed = asyncio.Event()

    async def change(*, hang: bool) -> tuple[str, AuditedCall, str]:
        async with database.transaction() as tx:
            await put_fact(tx, "postgres_version", "18")
        changed.set()
        if hang:
            await asyncio.Event().wait()
        raise ForbiddenError("no")

    with pytest.raises(ForbiddenError):
        await trail.change(CALLER, lambda: change(hang=False))
    changed.clear()
    hanging = asyncio.create_task(trail.change(CALLER, lambda: change(hang=True)))
    await changed.wait()
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging
    assert await written(database) == []
    async with database.reading() as reads:
        assert await find_fact(reads, "postgres_version") is None


async def test_another_organization_s_project_is_not_named_to_its_owner(database: Database, trail: AuditTrail) -> None:
    stranger = Caller(Principal("api_key", ("*",), organization_id="org_2", api_key_id="key_2"), None, "req")
    await trail.refused(stranger, CALL, NotFoundError("there is no project prj_1"))
    await trail.refused(Caller(PLATFORM_ADMINISTRATOR, None, "req"), CALL, ForbiddenError("no"))
    foreign, own = await written(database)
    assert (foreign.organization_id, foreign.project_id, foreign.target_id) == ("org_2", None, "prj_1")
    assert (foreign.outcome, foreign.metadata) == ("not_found", {"error": "there is no project prj_1"})
    assert (own.actor_kind, own.organization_id, own.project_id) == ("administrator", "org_1", "prj_1")


async def test_refusals_of_one_kind_are_counted_from_the_eleventh_on(database: Database, trail: AuditTrail) -> None:
    for _ in range(500):
        await trail.refused(CALLER, CALL, ForbiddenError("no"))
    assert len(await written(database)) == 10
    assert await trail.write_counts() == 1
    last = (await written(database))[-1]
    assert (last.outcome, last.metadata["count"]) == ("forbidden", "490")
    assert await trail.write_counts() == 0
    await trail.refused(CALLER, CALL, ForbiddenError("no"))
    assert len(await written(database)) == 12


async def test_strangers_are_counted_by_network_and_there_are_not_endlessly_many(
    database: Database, trail: AuditTrail
) -> None:
    error = UnauthenticatedError("there is no such API key")
    for number in range(50):
        trail.unauthenticated(Caller(ANYBODY, f"2001:db8::{number:x}", "req"), error)
    for number in range(5000):
        trail.unauthenticated(Caller(ANYBODY, f"198.51.{number // 250}.{number % 250}", "req"), error)
    assert await written(database) == []
    assert await trail.write_counts() == 1001
    rows = await written(database)
    assert (rows[0].address, rows[0].metadata["count"]) == ("2001:db8::/64", "50")
    assert sum(int(row.metadata["count"]) for row in rows) == 5050
    assert {row.action for row in rows[:-1]} == {"authentication.refuse"}
    assert (rows[-1].action, rows[-1].outcome, rows[-1].address) == ("call.refuse", "several", None)


async def test_a_key_that_was_put_in_another_place_is_not_written_down(database: Database, trail: AuditTrail) -> None:
    token = new_token().reveal()
    call = replace(CALL, target_id=token, project_id=token, metadata={"name": f"my {token}"})
    await trail.note(CALLER, call)
    await trail.refused(CALLER, call, NotFoundError(f"there is no project {token}"))
    rows = await written(database)
    assert [row.target_id for row in rows] == ["capy_live_…", "capy_live_…"]
    assert rows[0].metadata == {"name": "my capy_live_…"}
    assert rows[1].metadata == {"error": "there is no project capy_live_…"}


async def test_who_acted(database: Database, trail: AuditTrail) -> None:
    principals = [
        KEY,
        PLATFORM_ADMINISTRATOR,
        replace(PLATFORM_ADMINISTRATOR, auth_source="certificate", certificate_name="controller-1"),
        Principal("clerk", ("*",), organization_id="org_1", user_id="user_1"),
        ANYBODY,
    ]
    for principal in principals:
        await trail.note(Caller(principal, None, "req"), CALL)
    actors = [(event.actor_kind, event.actor_id) for event in await written(database)]
    assert actors == [
        ("api_key", "key_1"),
        ("administrator", None),
        ("fleet", "controller-1"),
        ("user", "user_1"),
        ("anonymous", None),
    ]


async def test_a_full_disk_keeps_nobody_from_reading_and_the_row_comes_later(
    database: Database, trail: AuditTrail
) -> None:
    async with database.transaction() as tx:
        (pages,) = await tx.fetch_all("PRAGMA page_count")
        await tx.fetch_all(f"PRAGMA max_page_count = {pages[0]}")
    for number in range(2000):
        await trail.note(CALLER, replace(CALL, metadata={"number": str(number), "filler": "x" * 190}))
    there = len(await written(database))
    assert there < 2000
    with pytest.raises(UnavailableError):
        await trail.write_counts()
    async with database.transaction() as tx:
        await tx.fetch_all("PRAGMA max_page_count = 1000000")
    assert await trail.write_counts() == min(2000 - there, 1000)
    numbers = [int(event.metadata["number"]) for event in await written(database)]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > there
