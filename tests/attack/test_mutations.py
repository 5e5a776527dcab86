"""Take any single defence away, and the suite fails on the row that names it. All of them in the long run."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from capyd.attack.field import Field
from capyd.attack.sql import spelled
from tests.attack.attacks import battlefield, failed, outcomes, rows
from tests.attack.mutations import ALL, HANDFUL, Mutation
from tests.stack.polling import until
from tests.stack.running import RunningStack


@pytest.mark.parametrize(
    "mutation",
    [pytest.param(it, id=it.name, marks=() if it.name in HANDFUL else pytest.mark.full) for it in ALL],
)
async def test_a_defence_taken_away_is_found(stack: RunningStack, mutation: Mutation) -> None:
    if int(stack.major) < mutation.since:
        pytest.skip(f"only from PostgreSQL {mutation.since} on")
    async with battlefield(stack) as field:
        assert failed(await outcomes(field, rows(mutation.row))) == []
        async with mutated(stack, field, mutation):
            found = failed(await outcomes(field, rows(mutation.row)))
    assert found, f"{mutation.row} did not notice"
    assert all(f" {mutation.row}," in sentence for sentence in found)


def test_the_handful_is_among_them() -> None:
    assert set(HANDFUL) <= {mutation.name for mutation in ALL}
    assert len({mutation.name for mutation in ALL}) == len(ALL)


@asynccontextmanager
async def mutated(stack: RunningStack, field: Field, mutation: Mutation) -> AsyncIterator[None]:
    """Without the defence; what is not the canaries' own is put back."""
    database = spelled(mutation.database, field)
    for statement in mutation.sql:
        await stack.administer(f"SET allow_system_table_mods = on; {spelled(statement, field)}", database=database)
    file, before = None, ""
    if mutation.pooler is not None:
        name, old, new = mutation.pooler
        file = Path(stack.settings["pooler"]["config_dir"]) / name
        before = file.read_text()
        replace(file, spelled(old, field), spelled(new, field))
        await reload_pooler(stack)
    if mutation.hba is not None:
        ((hba,),) = await stack.administer("SHOW hba_file")
        file = Path(hba)
        before = file.read_text()
        replace(file, *mutation.hba)
        await stack.administer("SELECT pg_reload_conf()")
        await until(lambda: hba_is(stack, file))
    try:
        yield
    finally:
        if file is not None:
            file.write_text(before)
            await (reload_pooler(stack) if mutation.pooler else stack.administer("SELECT pg_reload_conf()"))
            if mutation.hba is not None:
                await until(lambda: hba_is(stack, file))
        for statement in mutation.undo:
            await stack.administer(spelled(statement, field))


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text, f"{old!r} is not in {file}"
    file.write_text(text.replace(old, new))


async def reload_pooler(stack: RunningStack) -> None:
    """Have it read its files, and wait until it has: its console answers in the order in which it is spoken to."""
    os.kill(stack.ready["pids"]["pgbouncer"], signal.SIGHUP)
    pooler = stack.settings["pooler"]
    async with await psycopg.AsyncConnection.connect(
        host=pooler["socket_dir"],
        port=pooler["port"],
        user="capyd_console",
        password=Path(pooler["console_password_file"]).read_text().strip(),
        dbname="pgbouncer",
        autocommit=True,
        cursor_factory=psycopg.AsyncClientCursor,
    ) as console:
        await console.execute("RELOAD")


async def hba_is(stack: RunningStack, file: Path) -> bool:
    """Whether the server works with the file as it is: a new session is judged by it."""
    ((loaded,),) = await stack.administer("SELECT pg_conf_load_time() >= (pg_stat_file(%s)).modification", str(file))
    return bool(loaded)
