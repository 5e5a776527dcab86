"""Runs a schedule: clients side by side, and the kills in between."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from reliability.clients import Acknowledged, Client, RefusedError
from reliability.schedule import ROTATIONS, Kill, Operation, Verb
from reliability.stack import Stack

_WAIT_SECONDS = 900.0
_PAUSE_SECONDS = 0.1
_GRACE_HOURS = 24
FINAL = ("completed", "failed")


@dataclass
class Wish:
    """What a project has to be in the end, as its client knows it."""

    name: str
    project_id: str
    deleted: bool = False
    max_connections: int | None = None
    extensions: dict[str, bool] = field(default_factory=dict)
    """By name, whether it is to be there; those never asked for are left out."""
    former_urls: list[tuple[str, str]] = field(default_factory=list)
    """Direct and pooled, as they were before a rotation."""


@dataclass
class Run:
    """What a run has seen."""

    wishes: list[Wish] = field(default_factory=list)
    operations: Counter[str] = field(default_factory=Counter)
    """Acknowledged ones, by verb and face."""
    acknowledged: Counter[tuple[str, Verb]] = field(default_factory=Counter)
    """The same by project and verb."""
    kills: Counter[str] = field(default_factory=Counter)


class Pace:
    """Counts operations as they begin, and holds them while a kill is due: so kills come by count, not by clock."""

    def __init__(self, stack: Stack, kills: list[Kill], run: Run, tell: Callable[[str], None]) -> None:
        self._stack = stack
        self._kills = kills
        self._run = run
        self._tell = tell
        self._begun = 0
        self._next_kill = 0
        self._killing = asyncio.Lock()

    async def begin(self) -> None:
        """One more operation begins; the kills that are due come first."""
        self._begun += 1
        begun = self._begun
        async with self._killing:
            while self._next_kill < len(self._kills) and self._kills[self._next_kill].after <= begun:
                manner = self._kills[self._next_kill].manner
                self._next_kill += 1
                await self._stack.kill(manner)
                self._run.kills[manner.words] += 1
        self._tell(f"{self._begun} operations, {self._next_kill} kills")


async def run_client(number: int, client: Client, operations: list[Operation], pace: Pace, run: Run) -> None:
    """Do what one client does.

    Raises:
        RefusedError: an answer that no kill explains.
    """
    own: list[Wish] = []
    for place, operation in enumerate(operations):
        await pace.begin()
        key = f"client-{number}-operation-{place}"
        if operation.verb in ROTATIONS:
            await _keep_urls(client, own[operation.project])
        acknowledged = await _ask(client, operation, own, key)
        run.operations[f"{operation.verb} ({client.face})"] += 1
        run.acknowledged[acknowledged.project_id, operation.verb] += 1
        if operation.verb is Verb.CREATE:
            own.append(Wish(key, acknowledged.project_id))
            run.wishes.append(own[-1])
        else:
            _note(own[operation.project], operation)
        if operation.waits and acknowledged.job_id:
            await until_final(client, acknowledged.job_id)


async def until_final(client: Client, job_id: str) -> None:
    """Return when the job is completed or failed.

    Raises:
        RefusedError: it goes on and on.
    """
    try:
        async with asyncio.timeout(_WAIT_SECONDS):
            while await client.job_state(job_id) not in FINAL:  # noqa: ASYNC110  (it is asked over the wire)
                await asyncio.sleep(_PAUSE_SECONDS)
    except TimeoutError:
        raise RefusedError(f"{job_id} was not final within {_WAIT_SECONDS:g} s") from None


async def _ask(client: Client, operation: Operation, own: list[Wish], key: str) -> Acknowledged:
    if operation.verb is Verb.CREATE:
        return await client.create(key, key=key)
    project_id = own[operation.project].project_id
    match operation.verb:
        case Verb.ENABLE:
            return await client.enable(project_id, operation.extension, key=key)
        case Verb.DISABLE:
            return await client.disable(project_id, operation.extension, key=key)
        case Verb.SET:
            return await client.set_limits(project_id, operation.max_connections, key=key)
        case Verb.ROTATE | Verb.ROTATE_WITH_GRACE | Verb.ROTATE_LEAKED:
            grace_hours = _GRACE_HOURS if operation.verb is Verb.ROTATE_WITH_GRACE else 0
            leaked = operation.verb is Verb.ROTATE_LEAKED
            return await client.rotate(project_id, grace_hours=grace_hours, leaked=leaked, key=key)
        case Verb.DELETE:
            return await client.delete(project_id, key=key)


async def _keep_urls(client: Client, wish: Wish) -> None:
    urls = await client.urls(wish.project_id)
    if urls is not None:
        wish.former_urls.append(urls)


def _note(wish: Wish, operation: Operation) -> None:
    match operation.verb:
        case Verb.ENABLE:
            wish.extensions[operation.extension] = True
        case Verb.DISABLE:
            wish.extensions[operation.extension] = False
        case Verb.SET:
            wish.max_connections = operation.max_connections
        case Verb.DELETE:
            wish.deleted = True
