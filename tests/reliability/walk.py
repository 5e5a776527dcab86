"""Goes from failpoint to failpoint of a scenario: there the daemon dies, and its successor must set all right."""

import itertools
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from tests.reliability.client import Accepted, Client
from tests.reliability.daemon import Armed, Daemon
from tests.reliability.host import Host
from tests.reliability.reality import differences, read_jobs, until_settled
from tests.reliability.scenarios import Prepared, Scenario, complete, prepared
from tests.stack.polling import until

# How many of the polling's pauses (0.02 s) without a new point are taken for rest.
_SHORTLY, _FOR_LONG = 8, 30


@dataclass(frozen=True)
class Hit:
    """A point, and which of one daemon's passes by it."""

    point: str
    number: int

    def rule(self, action: str) -> str:
        """What has a daemon do `action` there."""
        return f"{self.point}#{self.number}={action}"


@dataclass
class Walk:
    """What came of it."""

    died: list[Hit] = field(default_factory=list)
    survived: list[Hit] = field(default_factory=list)
    """The daemon went on and brought it to its end."""
    given_up: list[Hit] = field(default_factory=list)
    """It neither died nor came to an end."""
    failures: list[str] = field(default_factory=list)


class Walker:
    """Runs one scenario over and over, on projects of their own."""

    def __init__(self, host: Host, scenario: Scenario) -> None:
        self._host = host
        self._scenario = scenario
        self._runs = itertools.count(1)
        self._key = ""
        self._prepared = Prepared()
        self._trace = host.directory / "trace"

    async def learn(self) -> list[Hit]:
        """Run it undisturbed, on a host that is as new. The points behind the request, in their order."""
        self._host.forget_everything()
        async with self._host.daemon(spares=self._scenario.spares) as daemon:
            await daemon.client.create_organization()
            await self._prepare(daemon.client)
        async with self._armed("") as daemon:
            await until_still(self._trace)
            points_of_start = len(_read_points(self._trace))
            await self._check(daemon.client, attempts=1)
            await until_still(self._trace)
            hits = read_hits(self._trace)[points_of_start:]
            await self._prepare(daemon.client)
        return hits

    async def walk(
        self, hits: Sequence[Hit], *, action: str = "exit", attempts: int = 1, patience_seconds: float = 60
    ) -> Walk:
        """Have a daemon do `action` at each of `hits`, and see that the next one has the wish come true.

        `attempts` is how many the job may have taken in the end. A daemon that is neither dead nor done after
        `patience_seconds` is killed.
        """
        walk = Walk()
        for hit in hits:
            async with self._armed(hit.rule(action)) as daemon:
                over = await self._act_on(daemon, patience_seconds)
                if daemon.has_died:
                    walk.died.append(hit)
                else:
                    (walk.survived if over else walk.given_up).append(hit)
            async with self._host.daemon(spares=self._scenario.spares) as daemon:
                try:
                    await self._check(daemon.client, attempts=attempts)
                except AssertionError as error:
                    walk.failures.append(f"{hit.rule(action)}: {error}\n{daemon.said}")
                await self._prepare(daemon.client)
        return walk

    def _armed(self, rules: str) -> AbstractAsyncContextManager[Daemon]:
        self._trace.unlink(missing_ok=True)
        return self._host.daemon(Armed(rules, self._trace), spares=self._scenario.spares)

    async def _act_on(self, daemon: Daemon, patience_seconds: float) -> bool:
        """Ask for it, and return when the daemon has died of it or all is done; False when patience was over first."""

        async def over() -> bool:
            if daemon.has_died:
                return True
            try:
                job = await daemon.client.get_job(accepted.job_id)
                return job.state == "completed" and not await self._differences(daemon.client)
            except grpc.aio.AioRpcError:
                return False

        await until_still(self._trace, looks=_SHORTLY)
        try:
            accepted = await self._ask(daemon.client)
        except grpc.aio.AioRpcError:
            # The answer was lost, with the daemon or without. Whoever asks again learns what came of it.
            await until_still(self._trace, looks=_SHORTLY)
            return True
        try:
            await until(over, seconds=patience_seconds)
        except AssertionError:
            return False
        # What is carried to the ledger behind the job has its points too.
        await until_still(self._trace, looks=_SHORTLY)
        return True

    async def _ask(self, client: Client) -> Accepted:
        return await self._scenario.act(client, self._prepared, self._key)

    async def _differences(self, client: Client) -> list[str]:
        return await differences(self._host, client, spares=self._scenario.spares)

    async def _check(self, client: Client, *, attempts: int) -> None:
        """Ask (again), and see that it came true once, and nothing beside it."""
        accepted = await complete(client, await self._ask(client))
        await until_settled(self._host, client, spares=self._scenario.spares)
        if not self._prepared.project_id:
            self._prepared = await prepared(client, accepted.project_id)
        jobs = [job for job in read_jobs(self._host, accepted.project_id) if job.type == self._scenario.job_type]
        assert [job.state for job in jobs] == ["completed"] * (1 + self._scenario.earlier_jobs)
        assert jobs[-1].attempts <= attempts, jobs
        await self._scenario.check(self._host, client, self._prepared)

    async def _prepare(self, client: Client) -> None:
        """Remove what the last run left, and make what the next one is about."""
        for project in await client.list_projects():
            await complete(client, await client.delete(project.id, request_id=f"tidy {project.id}"))
        self._key = f"{self._scenario.name} {next(self._runs)}"
        self._prepared = await self._scenario.prepare(self._host, client, self._key)
        await until_settled(self._host, client, spares=self._scenario.spares)


def _read_points(trace: Path) -> list[str]:
    return trace.read_text().split() if trace.exists() else []


def read_hits(trace: Path) -> list[Hit]:
    """What a daemon has passed by, in order."""
    counted: Counter[str] = Counter()
    hits = []
    for point in _read_points(trace):
        counted[point] += 1
        hits.append(Hit(point, counted[point]))
    return hits


async def until_still(trace: Path, *, looks: int = _FOR_LONG) -> None:
    """Return when no point has been reached for a while."""
    lengths: list[int] = []

    async def look() -> bool:
        lengths.append(len(_read_points(trace)))
        return len(lengths) > looks and lengths[-1] == lengths[-looks]

    await until(look)
