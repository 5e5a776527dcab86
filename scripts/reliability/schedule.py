"""What is done and what is killed when: all of it from the seed, before anything starts."""

import random
import signal
from dataclasses import dataclass
from enum import StrEnum

EXTENSIONS = ("citext", "hstore", "unaccent")
"""Those that every cluster carries and no project starts with."""
_CONNECTIONS = (3, 15)
"""Within the smallest plan."""


class Verb(StrEnum):
    """What a client asks for."""

    CREATE = "create"
    ENABLE = "enable an extension"
    DISABLE = "disable an extension"
    SET = "change settings"
    ROTATE = "rotate credentials"
    ROTATE_WITH_GRACE = "rotate with grace"
    ROTATE_LEAKED = "rotate what leaked"
    DELETE = "delete"


ROTATIONS = (Verb.ROTATE, Verb.ROTATE_WITH_GRACE, Verb.ROTATE_LEAKED)
_WEIGHTS = {
    Verb.CREATE: 30,
    Verb.ENABLE: 15,
    Verb.DISABLE: 10,
    Verb.SET: 15,
    Verb.ROTATE: 8,
    Verb.ROTATE_WITH_GRACE: 6,
    Verb.ROTATE_LEAKED: 4,
    Verb.DELETE: 16,
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One request of one client."""

    verb: Verb
    project: int
    """Which of the client's own projects, in the order of their creation."""
    extension: str = ""
    max_connections: int = 0
    waits: bool = False
    """The client waits for the job before it goes on; else the next request meets this one's job under way."""


@dataclass(frozen=True, slots=True)
class Manner:
    """A way to end one of the stack's programs."""

    program: str
    signal: signal.Signals
    words: str


MANNERS = (
    Manner("capyd", signal.SIGKILL, "daemon, kill -9"),
    Manner("capyd", signal.SIGTERM, "daemon, asked to stop"),
    Manner("capyd_http", signal.SIGKILL, "gateway, kill -9"),
    Manner("postgres", signal.SIGINT, "PostgreSQL, fast"),
    Manner("postgres", signal.SIGQUIT, "PostgreSQL, immediate"),
    Manner("postgres", signal.SIGKILL, "PostgreSQL, kill -9"),
    Manner("pgbouncer", signal.SIGKILL, "PgBouncer, kill -9"),
)
# The daemon is what is tested: half of all kills are its own.
_MANNER_WEIGHTS = (40, 10, 10, 10, 10, 10, 10)


@dataclass(frozen=True, slots=True)
class Kill:
    """Once `after` operations have begun, whoever is killed."""

    after: int
    manner: Manner


@dataclass(frozen=True, slots=True)
class Schedule:
    """A whole run."""

    clients: list[list[Operation]]
    """What each client does, one after the other."""
    kills: list[Kill]
    """In the order of `after`."""


def draw_schedule(*, seed: int, operations: int, kills: int, clients: int) -> Schedule:
    """The schedule of this seed."""
    generator = random.Random(seed)
    shares = [operations // clients + (number < operations % clients) for number in range(clients)]
    return Schedule(
        clients=[_draw_operations(generator, share) for share in shares],
        kills=[
            Kill(after, manner)
            for after, manner in zip(
                sorted(generator.randint(1, operations) for _ in range(kills)),
                generator.choices(MANNERS, _MANNER_WEIGHTS, k=kills),
                strict=True,
            )
        ],
    )


def _draw_operations(generator: random.Random, number: int) -> list[Operation]:
    live: list[int] = []
    had_grace: set[int] = set()
    created = 0
    operations = []
    for _ in range(number):
        verb = generator.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0] if live else Verb.CREATE
        if verb is Verb.CREATE:
            project, created = created, created + 1
            live.append(project)
        else:
            project = generator.choice(live)
        if verb is Verb.DELETE:
            live.remove(project)
        if verb is Verb.ROTATE_WITH_GRACE:
            # A second one is refused while the first one's grace lasts.
            verb = Verb.ROTATE if project in had_grace else verb
            had_grace.add(project)
        operations.append(
            Operation(
                verb,
                project,
                extension=generator.choice(EXTENSIONS) if verb in (Verb.ENABLE, Verb.DISABLE) else "",
                max_connections=generator.randint(*_CONNECTIONS) if verb is Verb.SET else 0,
                waits=generator.random() < 0.5,
            )
        )
    return operations
