"""What a tenant may do to itself, and how little of it others notice."""

import contextlib

import psycopg

from capyd.attack.attempt import API, BOTH, Act, Attempt, Category, Door
from capyd.attack.canary import Session
from capyd.attack.expectation import Answer, Observed, Refusal, answered, refused
from capyd.attack.field import Field
from capyd.attack.logins import observe_login

_ALL_WELL = Answer("the others work, and it works again")
_OTHERS_WELL = Answer("the others work")
_RECONCILED = "reconciling gives a tenant its roles and privileges again"
# The server reads numbers past white space: it takes this for a verifier, line break and all.
_BROKEN_VERIFIER = "SCRAM-SHA-256$\n4096:{salt}${key}:{key}"
_SALT = "AAAAAAAAAAAAAAAAAAAAAA=="
_KEY = "A" * 43 + "="


def _row(name: str, tries: str, act: Act, held_by: str, source: str, *, expects: Answer = _ALL_WELL) -> Attempt:
    return Attempt(name, tries, act, expects, held_by, source, doors=API)


async def _all_well_again(field: Field) -> Observed:
    """Both tenants get in by both doors, once the daemon has looked."""
    reconciled = await field.daemon.reconcile()
    return reconciled if reconciled.refused else await _all_well(field)


async def _all_well(field: Field) -> Observed:
    for door in BOTH:
        for canary in (field.victim, field.attacker):
            try:
                async with await canary.connect(door) as session:
                    await session.execute(b"CREATE TEMPORARY TABLE capy_works (id int)")
                    await session.execute(b"DROP TABLE capy_works")
            except psycopg.Error as error:
                return refused(f"{'the victim' if canary is field.victim else 'the attacker'}, {door}: {error}")
    return answered("the others work, and it works again")


async def _password_again(field: Field, session: Session) -> None:
    await session.execute(f"ALTER ROLE {field.attacker.login} PASSWORD '{field.attacker.password}'".encode())


async def _as_login(field: Field) -> Session:
    """A session that acts as the login itself: the owner role may not change it."""
    session = await field.attacker.connect(Door.DIRECT)
    await session.execute(b"SET ROLE NONE")
    return session


async def _with_verifier(field: Field, verifier: str) -> Observed:
    """Take on the verifier, have the daemon look, and take the old password again."""
    async with await _as_login(field) as session:
        await session.execute(f"ALTER ROLE {field.attacker.login} PASSWORD '{verifier}'".encode())
        try:
            reconciled = await field.daemon.reconcile()
            if reconciled.refused:
                return reconciled
            async with await field.victim.connect(Door.POOLED) as other:
                await other.execute(b"SELECT 1")
        finally:
            await _password_again(field, session)
    return answered("the others work")


async def _broken_verifier(field: Field, door: Door) -> Observed:
    return await _with_verifier(field, _BROKEN_VERIFIER.format(salt=_SALT, key=_KEY))


async def _quoted_password(field: Field, door: Door) -> Observed:
    return await _with_verifier(field, 'x"\n"capyd_console" "x')


async def _md5_password(field: Field, door: Door) -> Observed:
    return await _with_verifier(field, "md5" + "0" * 32)


async def _drop_public(field: Field, door: Door) -> Observed:
    async with await field.attacker.connect(Door.DIRECT) as session:
        await session.execute(b"DROP SCHEMA public CASCADE")
    enabled = await field.daemon.enable_extension(field.attacker.project_id, "hstore")
    if not enabled.refused:
        return answered("enabled hstore without a schema to put it in")
    async with await field.attacker.connect(Door.DIRECT) as session:
        await session.execute(b"CREATE SCHEMA public")
    enabled = await field.daemon.enable_extension(field.attacker.project_id, "hstore")
    return enabled if enabled.refused else await _all_well(field)


async def _other_role(field: Field, door: Door) -> Observed:
    async with await _as_login(field) as session:
        await session.execute(f"ALTER ROLE {field.attacker.login} SET role = 'none'".encode())
    return await _all_well_again(field)


async def _drop_owned(field: Field, door: Door) -> Observed:
    async with await field.attacker.connect(Door.DIRECT) as session:
        await session.execute(f"DROP OWNED BY {field.attacker.owner}".encode())
        await session.execute(b"CREATE SCHEMA IF NOT EXISTS public")
    return await _all_well_again(field)


async def _reassign(field: Field, door: Door) -> Observed:
    async with await _as_login(field) as session:
        await session.execute(f"REASSIGN OWNED BY {field.attacker.owner} TO {field.attacker.login}".encode())
    return await _all_well_again(field)


async def _owner_password(field: Field, door: Door) -> Observed:
    async with await field.attacker.connect(Door.DIRECT) as session:
        await session.execute(f"ALTER ROLE {field.attacker.owner} PASSWORD '{field.attacker.password}'".encode())
    try:
        return await observe_login(field, door, user=field.attacker.owner)
    finally:
        with contextlib.suppress(psycopg.Error):
            async with await field.attacker.connect(Door.DIRECT) as session:
                await session.execute(f"ALTER ROLE {field.attacker.owner} PASSWORD NULL".encode())


OWN_HARM = Category(
    "harm to itself",
    "what a tenant may do to itself, and must not do to others",
    (
        Attempt("login_as_owner_role_with_password", "ALTER ROLE {owner} PASSWORD ..., and log in as it", _owner_password,
                Refusal(words=("is not permitted to log in",)), "NOLOGIN", "facts §12",
                expects_pooled=Refusal(words=("login rejected", "no authentication method"))),
        _row("verifier_with_line_breaks", "ALTER ROLE {own} PASSWORD 'SCRAM-SHA-256$4096:\\n...'", _broken_verifier,
             "only verifiers in PostgreSQL's own form reach the pooler's file", "facts §8, §11", expects=_OTHERS_WELL),
        _row("password_with_lines_of_the_auth_file", "ALTER ROLE {own} PASSWORD 'x\"\\n\"capyd_console\" \"x'", _quoted_password,
             "passwords never reach the pooler's file", "facts §11", expects=_OTHERS_WELL),
        _row("md5_password", "ALTER ROLE {own} PASSWORD 'md5...'", _md5_password,
             "pg_hba.conf and the pooler's HBA file say scram-sha-256", "facts §8", expects=_OTHERS_WELL),
        _row("role_setting", "ALTER ROLE {own} SET role = 'none'", _other_role, _RECONCILED, "facts §12"),
        _row("drop_public", "DROP SCHEMA public CASCADE, and the daemon enables an extension", _drop_public,
             "refused with what to do; no other schema is taken", "facts §9"),
        _row("reassign_to_login", "REASSIGN OWNED BY {owner} TO {own}", _reassign, _RECONCILED, "facts §3"),
        _row("drop_owned", "DROP OWNED BY {owner}", _drop_owned, _RECONCILED, "facts §3"),
    ),
)  # fmt: skip
