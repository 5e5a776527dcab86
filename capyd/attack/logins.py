"""Attempts that are logins with something else than the URL says."""

import psycopg

from capyd.attack.attempt import BOTH, Act, Attempt, Door
from capyd.attack.expectation import Observed, Refusal, answered, refused
from capyd.attack.field import Field
from capyd.attack.sql import spelled

# The pooler's own words, 1.18's and those of later versions: it refuses before any server connection is made.
POOLER_REJECTS = Refusal(
    words=("login rejected", "no authentication method is found", "no such database"), label="by the pooler"
)


def login(
    name: str,
    replaced: dict[str, str],
    *,
    server_says: str | tuple[str, ...],
    held_by: str,
    source: str,
    pooler_says: Refusal = POOLER_REJECTS,
    doors: tuple[Door, ...] = BOTH,
) -> Attempt:
    """A login with `replaced` parameters, by the attacker's password unless another is among them."""
    words = (server_says,) if isinstance(server_says, str) else server_says
    tries = "log in with " + ", ".join(f"{key}={value}" for key, value in replaced.items())
    return Attempt(
        name,
        tries,
        _act(replaced),
        Refusal(words=words),
        held_by,
        source,
        doors=doors,
        expects_pooled=pooler_says,
    )


async def observe_login(field: Field, door: Door, **replaced: str) -> Observed:
    """Log in and out again, and tell what came of it."""
    try:
        session = await field.attacker.connect(door, **replaced)
    except psycopg.OperationalError as error:
        return refused(_last_words(error))
    async with session:
        return answered(f"let in as {session.info.user} to {session.info.dbname}")


def _act(replaced: dict[str, str]) -> Act:
    async def act(field: Field, door: Door) -> Observed:
        return await observe_login(field, door, **{key: spelled(value, field) for key, value in replaced.items()})

    return act


def _last_words(error: psycopg.OperationalError) -> str:
    """What was said last: the client library may have tried more than once, with the address before each."""
    last = str(error).split("failed: ")[-1].partition("DETAIL:")[0]
    return " ".join(last.split()).removeprefix("FATAL: ") or type(error).__name__
