"""Take any single defence away, and the suite fails on the row that names it. All of them in the long run."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
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
    async with battlefield(stack) as field, AsyncExitStack() as besides:
        if mutation.besides is not None:
            await besides.enter_async_context(pooler_file(stack, field, *mutation.besides))
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
    async with AsyncExitStack() as changes:
        for statement in mutation.sql:
            await stack.administer(f"SET allow_system_table_mods = on; {spelled(statement, field)}", database=database)
        if mutation.pooler is not None:
            await changes.enter_async_context(pooler_file(stack, field, *mutation.pooler))
        if mutation.hba is not None:
            await changes.enter_async_context(server_hba(stack, *mutation.hba))
        try:
            yield
        finally:
            for statement in mutation.undo:
                await stack.administer(spelled(statement, field))


@asynccontextmanager
async def pooler_file(stack: RunningStack, field: Field, name: str, old: str, new: str) -> AsyncIterator[None]:
    """A file of the pooler's, with `new` for `old`."""
    names = {**field.names, **{key: str(value) for key, value in stack.settings["postgres"].items()}}
    with replaced(Path(stack.settings["pooler"]["config_dir"]) / name, old.format_map(names), new.format_map(names)):
        await reload_pooler(stack)
        yield
    await reload_pooler(stack)


@asynccontextmanager
async def server_hba(stack: RunningStack, old: str, new: str) -> AsyncIterator[None]:
    """The server's pg_hba.conf, with `new` for `old`."""
    ((path,),) = await stack.administer("SHOW hba_file")
    with replaced(Path(path), old, new):
        await reload_server(stack)
        yield
    await reload_server(stack)


@contextmanager
def replaced(file: Path, old: str, new: str) -> Iterator[None]:
    """`file` with `new` for `old`."""
    text = file.read_text()
    assert old in text, f"{old!r} is not in {file}"
    file.write_text(text.replace(old, new))
    try:
        yield
    finally:
        file.write_text(text)


async def reload_server(stack: RunningStack) -> None:
    """Have it read its files, and wait until it has."""
    ((before,),) = await stack.administer("SELECT pg_conf_load_time()")
    await stack.administer("SELECT pg_reload_conf()")

    async def loaded() -> bool:
        ((at,),) = await stack.administer("SELECT pg_conf_load_time()")
        return bool(at > before)

    await until(loaded)


async def reload_pooler(stack: RunningStack) -> None:
    """Have it read its files, and wait until it has."""
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
