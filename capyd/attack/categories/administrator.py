"""The administrator at work in the attacker's database, where the attacker has set its traps (`plants`)."""

from collections.abc import Awaitable, Callable

from capyd.attack.attempt import API, Act, Attempt, Category, Door
from capyd.attack.expectation import Answer, Either, Expectation, Observed, Refusal, answered
from capyd.attack.field import Field
from capyd.attack.plants import count_sprung, plant, pull_up_lookalikes
from capyd.attack.sql import observe

_TRUSTED = "citext"
_UNTRUSTED = "pg_stat_statements"
_UNHARMED = Answer("no trap was sprung")
_PINNED = "admin sessions pin search_path in the startup packet, and name what they use in full"
_SOURCE = "facts §7; CVE-2018-1058"
_NOT_CARRIED = Refusal(words=("does not carry", "must be one of", "catalogue", "shared_preload_libraries"))


def _amid_traps(work: Callable[[Field], Awaitable[Observed]]) -> Act:
    async def act(field: Field, door: Door) -> Observed:
        await plant(field)
        done = await work(field)
        sprung = await count_sprung(field)
        if sprung:
            return answered(f"{sprung} traps were sprung by a superuser; {done}")
        return done if done.refused else answered("no trap was sprung")

    return act


def _row(
    name: str, tries: str, work: Callable[[Field], Awaitable[Observed]], *, expects: Expectation = _UNHARMED,
    held_by: str = _PINNED, source: str = _SOURCE,
) -> Attempt:  # fmt: skip
    return Attempt(name, tries, _amid_traps(work), expects, held_by, source, doors=API)


async def _list(field: Field) -> Observed:
    return await field.daemon.list_extensions(field.attacker.project_id)


async def _enable_trusted(field: Field) -> Observed:
    return await field.daemon.enable_extension(field.attacker.project_id, _TRUSTED)


async def _enable_untrusted(field: Field) -> Observed:
    return await field.daemon.enable_extension(field.attacker.project_id, _UNTRUSTED)


async def _enable_untrusted_without_lookalikes(field: Field) -> Observed:
    await pull_up_lookalikes(field)
    return await _enable_untrusted(field)


async def _update(field: Field) -> Observed:
    """From an old version: the scripts of each step really run."""
    async with await field.attacker.connect(Door.DIRECT) as session:
        await session.execute(f"DROP EXTENSION IF EXISTS {_TRUSTED}".encode())
        await session.execute(f"CREATE EXTENSION {_TRUSTED} SCHEMA public VERSION '1.4'".encode())
    return await field.daemon.update_extension(field.attacker.project_id, _TRUSTED)


async def _disable(field: Field) -> Observed:
    """With a trap among the extension's own objects."""
    async with await field.attacker.connect(Door.DIRECT) as session:
        await session.execute(b"CREATE VIEW public.capy_member AS SELECT capy_canary.spring() AS sprung")
        await session.execute(f"ALTER EXTENSION {_TRUSTED} ADD VIEW public.capy_member".encode())
    return await field.daemon.disable_extension(field.attacker.project_id, _TRUSTED)


async def _apply(field: Field) -> Observed:
    return await field.daemon.apply_settings(field.attacker.project_id, statement_timeout="29s")


async def _reconcile(field: Field) -> Observed:
    return await field.daemon.reconcile()


async def _lands(field: Field, door: Door) -> Observed:
    enabled = await _enable_trusted(field)
    if enabled.refused:
        return enabled
    async with await field.attacker.connect(Door.DIRECT) as session:
        return await observe(
            session,
            "SELECT extnamespace::pg_catalog.regnamespace::text || ', ' ||"
            " (pg_catalog.pg_get_userbyid(extowner) = session_user || '_owner')::text"
            f" FROM pg_catalog.pg_extension WHERE extname = '{_TRUSTED}'",
        )


async def _statements_of_victim(field: Field, door: Door) -> Observed:
    """With the extension enabled: it shows every database's statements to whoever may read them."""
    secret = f"secret_{field.token}"
    async with await field.victim.connect(Door.DIRECT) as target:
        await target.execute(f"SELECT 1 AS {secret}".encode())
    async with await field.attacker.connect(Door.DIRECT) as session:
        there = await observe(
            session, "SELECT count(*) FROM pg_catalog.pg_extension WHERE extname = 'pg_stat_statements'"
        )
        if there.words == "0":
            return answered("0")
        return await observe(
            session, f"SELECT pg_catalog.count(*) FROM public.pg_stat_statements WHERE query LIKE '%{secret}%'"
        )


async def _reset_statements(field: Field, door: Door) -> Observed:
    async with await field.attacker.connect(Door.DIRECT) as session:
        return await observe(session, "SELECT public.pg_stat_statements_reset()")


async def _object_of_script(field: Field) -> Observed:
    """An object that the extension's script is about to create belongs to the tenant already."""
    async with await field.attacker.connect(Door.DIRECT) as session:
        await session.execute(b"DROP EXTENSION IF EXISTS hstore")
        await session.execute(b"CREATE TYPE public.hstore AS ENUM ('mine')")
    enabled = await field.daemon.enable_extension(field.attacker.project_id, "hstore")
    async with await field.attacker.connect(Door.DIRECT) as session:
        await session.execute(b"DROP TYPE public.hstore")
    return enabled


ADMINISTRATOR = Category(
    "the administrator at work",
    "admin sessions in the attacker's database, full of traps",
    (
        _row("list_extensions", "the daemon lists extensions amid planted operators and views", _list),
        _row("enable_trusted_extension", "the daemon enables citext amid planted functions", _enable_trusted),
        Attempt("where_an_extension_lands", "which schema, and whose, is the enabled extension", _lands,
                Answer("public, true"), "CREATE EXTENSION ... SCHEMA public, as the owner role", "facts §7", doors=API),
        _row("update_extension", "the daemon updates citext from 1.4 amid planted functions", _update),
        _row("disable_extension", "the daemon drops citext, with a planted view among its objects", _disable),
        _row("object_of_an_extensions_script", "the daemon enables hstore, whose type the tenant has made", _object_of_script,
             expects=Refusal(frozenset({"job"}), ("already exists",)), held_by="PostgreSQL: a script replaces nothing",
             source="CVE-2022-2625"),
        _row("enable_untrusted_extension", "the daemon enables pg_stat_statements, whose script runs as a superuser",
             _enable_untrusted, held_by="lookalikes of built-in objects are refused",
             expects=Either((Refusal(frozenset({"job"}), ("names of built-in ones",)), _NOT_CARRIED))),
        _row("enable_untrusted_extension_again", "the same, with the lookalikes pulled up", _enable_untrusted_without_lookalikes,
             expects=Either((_UNHARMED, _NOT_CARRIED))),
        Attempt("statements_of_victim", "read the victim's statement in pg_stat_statements", _statements_of_victim,
                Answer("0"), "no pg_read_all_stats", "PostgreSQL manual, pg_stat_statements", doors=API),
        Attempt("reset_statements_of_all", "SELECT pg_stat_statements_reset()", _reset_statements,
                Refusal(frozenset({"42501", "42883"})), "EXECUTE is a superuser's", "PostgreSQL manual, pg_stat_statements",
                doors=API),
        _row("apply_settings", "the daemon applies a changed timeout", _apply),
        _row("reconcile", "the daemon compares and mends everything", _reconcile),
    ),
)  # fmt: skip
