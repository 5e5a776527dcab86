"""The audit chain: append-only through SQL, and whatever is done to it by other means is found."""

import re
import sqlite3
from pathlib import Path

import pytest

from capyd.domain.audit import EMPTY_CHAIN, ChainHead, NewAuditEvent
from capyd.domain.audit_check import ChainCheck
from capyd.sqlite.audit import (
    continue_audit_chain,
    insert_audit_event,
    list_audit_events,
    list_newest_audit_events,
    read_audit_head,
    read_newest_audit_sequence,
)
from capyd.sqlite.database import Database
from tests.state import START, open_state


async def fill(database: Database, number: int = 5) -> None:
    for each in range(number):
        async with database.transaction() as tx:
            event = NewAuditEvent(
                "project.create",
                actor_kind="api_key",
                actor_id="key_1",
                project_id=f"prj_{each}",
                organization_id="org_1",
                metadata={"name": "Größe ☃", "number": each},
            )
            await insert_audit_event(tx, event, now=START)


async def checked(path: Path, *, witness: ChainHead | None = None) -> ChainCheck:
    async with open_state(path) as database, database.reading() as reads:
        check = ChainCheck()
        check.expect(witness)
        for event in await list_audit_events(reads, after=0, limit=1000):
            check.add(event)
        check.finish(newest=await read_newest_audit_sequence(reads))
    return check


def tamper(path: Path, *statements: str) -> None:
    """By other means: with the triggers out of the way."""
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TRIGGER audit_events_updated")
        connection.execute("DROP TRIGGER audit_events_deleted")
        for statement in statements:
            connection.execute(statement)
    connection.close()


async def test_what_was_written_is_read_back_and_is_whole(tmp_path: Path) -> None:
    async with open_state(tmp_path / "s") as database:
        await fill(database)
        async with database.reading() as reads:
            newest = await list_newest_audit_events(reads, before=1 << 62, limit=2, organization_id="org_1")
            assert [event.sequence for event in newest] == [5, 4]
            assert newest[0].metadata == {"name": "Größe ☃", "number": "4"}
            assert newest[0].id.startswith("aud_")
            (one,) = await list_newest_audit_events(reads, before=1 << 62, limit=9, project_id="prj_2")
            assert one.sequence == 3
    check = await checked(tmp_path / "s")
    assert (check.number, check.problems, check.lost) == (5, [], [])


@pytest.mark.parametrize("statement", ["UPDATE audit_events SET action = 'x'", "DELETE FROM audit_events"])
async def test_sql_cannot_change_it(tmp_path: Path, statement: str) -> None:
    async with open_state(tmp_path / "s") as database:
        await fill(database)
        with pytest.raises(sqlite3.IntegrityError, match="never"):
            async with database.transaction() as tx:
                await tx.execute(statement)
        async with database.reading() as reads:
            assert (await read_audit_head(reads)).sequence == 5


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE audit_events SET actor_id = 'key_2' WHERE sequence = 3", "event 3 .* not as it was written"),
        ("UPDATE audit_events SET metadata = '{}' WHERE sequence = 3", "event 3 .* not as it was written"),
        ("DELETE FROM audit_events WHERE sequence = 3", "missing before the audit event 4: 3"),
        ("DELETE FROM audit_events WHERE sequence < 3", "missing before the audit event 3: 1 to 2"),
        ("DELETE FROM audit_events WHERE sequence > 3", "newest audit events are missing: 4 to 5"),
    ],
)
async def test_what_was_done_by_other_means_is_found(tmp_path: Path, statement: str, problem: str) -> None:
    async with open_state(tmp_path / "s") as database:
        await fill(database)
    tamper(tmp_path / "s", statement)
    (found,) = (await checked(tmp_path / "s")).problems
    assert re.search(problem, found)


async def test_two_that_changed_places_are_found(tmp_path: Path) -> None:
    async with open_state(tmp_path / "s") as database:
        await fill(database)
    tamper(
        tmp_path / "s",
        "UPDATE audit_events SET sequence = 99 WHERE sequence = 2",
        "UPDATE audit_events SET sequence = 2 WHERE sequence = 3",
        "UPDATE audit_events SET sequence = 3 WHERE sequence = 99",
    )
    assert len((await checked(tmp_path / "s")).problems) >= 2


async def test_a_row_that_was_put_in_between_is_found(tmp_path: Path) -> None:
    async with open_state(tmp_path / "s") as database:
        await fill(database)
    tamper(
        tmp_path / "s",
        "UPDATE audit_events SET sequence = sequence + 100 WHERE sequence > 2",
        "INSERT INTO audit_events SELECT 3, 'aud_x', created_at, actor_kind, actor_id, auth_source, 'project.delete',"
        " outcome, target_kind, target_id, organization_id, project_id, address, request_id, metadata, previous_hash,"
        " hash FROM audit_events WHERE sequence = 2",
        "UPDATE audit_events SET sequence = sequence - 99 WHERE sequence > 100",
    )
    assert any("event 3 (aud_x)" in problem for problem in (await checked(tmp_path / "s")).problems)


async def test_a_cut_tail_and_a_chain_that_was_made_anew_are_found_by_the_noted_head(tmp_path: Path) -> None:
    async with open_state(tmp_path / "s") as database:
        await fill(database)
        async with database.reading() as reads:
            noted = await read_audit_head(reads)
    tamper(
        tmp_path / "s",
        "DELETE FROM audit_events WHERE sequence > 3",
        "UPDATE sqlite_sequence SET seq = 3 WHERE name = 'audit_events'",
    )
    assert (await checked(tmp_path / "s")).problems == []
    assert "ledger" in (await checked(tmp_path / "s", witness=noted)).problems[0]
    async with open_state(tmp_path / "s") as database:
        await fill(database)
    assert "another hash" in (await checked(tmp_path / "s", witness=noted)).problems[0]


async def test_after_a_cut_the_sequences_do_not_begin_again(tmp_path: Path) -> None:
    async with open_state(tmp_path / "s") as database:
        await fill(database)
    tamper(tmp_path / "s", "DELETE FROM audit_events WHERE sequence > 3")
    async with open_state(tmp_path / "s") as database:
        await fill(database, 1)
    assert (await checked(tmp_path / "s")).problems == ["missing before the audit event 6: 4 to 5"]


async def test_a_new_file_goes_on_from_what_was_noted_of_the_old_one(tmp_path: Path) -> None:
    async with open_state(tmp_path / "old") as database:
        await fill(database, 7)
        async with database.reading() as reads:
            noted = await read_audit_head(reads)
    async with open_state(tmp_path / "new") as database, database.transaction() as tx:
        first = await continue_audit_chain(tx, NewAuditEvent("state.rebuild"), noted, now=START)
        await insert_audit_event(tx, NewAuditEvent("project.create"), now=START)
    assert (first.sequence, first.previous_hash) == (8, noted.hash)
    check = await checked(tmp_path / "new", witness=noted)
    assert check.problems == []
    assert check.lost == ["1 to 7 were lost with an older state file (state.rebuild)"]

    async with open_state(tmp_path / "fresh") as database, database.transaction() as tx:
        first = await continue_audit_chain(tx, NewAuditEvent("state.rebuild"), EMPTY_CHAIN, now=START)
    assert first.sequence == 1
    assert (await checked(tmp_path / "fresh", witness=EMPTY_CHAIN)).problems == []
