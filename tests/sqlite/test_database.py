import asyncio
from pathlib import Path

import pytest

from capyd.sqlite.database import Database
from capyd.sqlite.facts import find_fact, put_fact
from capyd.sqlite.migrations import SchemaTooNewError, list_migrations
from tests.state import open_state


async def _fact(database: Database) -> str | None:
    async with database.reading() as reads:
        return await find_fact(reads, "cluster_id")


async def test_what_was_committed_is_there_after_a_new_start(tmp_path: Path) -> None:
    async with open_state(tmp_path / "s") as database, database.transaction() as tx:
        await put_fact(tx, "cluster_id", "cls_1")
    async with open_state(tmp_path / "s") as database:
        assert await _fact(database) == "cls_1"


async def test_a_transaction_that_raises_leaves_nothing_and_calls_nobody(tmp_path: Path) -> None:
    called = []
    async with open_state(tmp_path / "s") as database:

        async def failing() -> None:
            async with database.transaction() as tx:
                await put_fact(tx, "cluster_id", "cls_1")
                tx.after_commit(lambda: called.append(1))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await failing()
        assert await _fact(database) is None
        assert called == []
        async with database.transaction() as tx:
            await put_fact(tx, "cluster_id", "cls_2")
            tx.after_commit(lambda: called.append(2))
        assert called == [2]


async def test_a_cancelled_transaction_leaves_nothing_and_lets_the_next_one_in(tmp_path: Path) -> None:
    async with open_state(tmp_path / "s") as database:
        inside = asyncio.Event()

        async def half() -> None:
            async with database.transaction() as tx:
                await put_fact(tx, "cluster_id", "cls_1")
                inside.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(half())
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await _fact(database) is None
        async with database.transaction() as tx:
            await put_fact(tx, "cluster_id", "cls_2")
        assert await _fact(database) == "cls_2"


async def test_transactions_do_not_interleave(tmp_path: Path) -> None:
    async with open_state(tmp_path / "s") as database:

        async def increment() -> None:
            async with database.transaction() as tx:
                before = int(await find_fact(tx, "cluster_id") or 0)
                await asyncio.sleep(0)
                await put_fact(tx, "cluster_id", str(before + 1))

        await asyncio.gather(*(increment() for _ in range(50)))
        assert await _fact(database) == "50"


async def test_a_file_of_a_newer_capyd_is_refused(tmp_path: Path) -> None:
    async with open_state(tmp_path / "s") as database, database.transaction() as tx:
        await tx.execute(f"PRAGMA user_version = {list_migrations()[-1][0] + 1}")
    with pytest.raises(SchemaTooNewError, match="newer capyd"):
        await Database.open(tmp_path / "s")


async def test_every_write_is_synchronised_to_the_disk(tmp_path: Path) -> None:
    async with open_state(tmp_path / "s") as database, database.transaction() as tx:
        synchronous = await tx.fetch_one("PRAGMA synchronous")
        journal = await tx.fetch_one("PRAGMA journal_mode")
        foreign_keys = await tx.fetch_one("PRAGMA foreign_keys")
    assert synchronous is not None
    assert journal is not None
    assert foreign_keys is not None
    assert (synchronous[0], journal[0], foreign_keys[0]) == (2, "wal", 1)


async def test_being_cancelled_at_any_await_leaves_no_transaction_open(tmp_path: Path) -> None:
    async with open_state(tmp_path / "s") as database:
        for steps in range(30):

            async def write() -> None:
                async with database.transaction() as tx:
                    await put_fact(tx, "cluster_id", "half")
                    await put_fact(tx, "cluster_id", "whole")

            task = asyncio.create_task(write())
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert await _fact(database) in (None, "whole")
            async with database.transaction() as tx:
                await tx.execute("DELETE FROM facts")
