"""The daemon dies at every boundary of every job type, and its successor makes exactly what was wished."""

import pytest

from tests.reliability.host import Host
from tests.reliability.scenarios import SCENARIOS, Scenario
from tests.reliability.walk import Walk, Walker

_STRIDE = 6

_each_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
_on_pg15 = pytest.mark.parametrize("host", ["pg15"], indirect=True, scope="package")
_on_each_version = pytest.mark.parametrize("host", ["pg15", "pg18"], indirect=True, scope="package")


def _check(walk: Walk, hits: int) -> None:
    assert not walk.failures, "\n\n".join(walk.failures)
    # Else it was no walk. A few are missed, where the background met the job at another moment.
    assert walk.died >= hits // 2, walk.survived


@_on_pg15
@_each_scenario
async def test_killed_at_points(host: Host, scenario: Scenario) -> None:
    walker = Walker(host, scenario)
    # Between what one point is behind and the next one before, nothing durable happens: half of them will do.
    behind = [hit for hit in await walker.learn() if hit.point.endswith(".after")]
    hits = behind[SCENARIOS.index(scenario) % _STRIDE :: _STRIDE]
    _check(await walker.walk(hits), len(hits))


@pytest.mark.full
@pytest.mark.timeout(3600)
@_on_each_version
@_each_scenario
async def test_killed_at_every_point(host: Host, scenario: Scenario) -> None:
    walker = Walker(host, scenario)
    hits = await walker.learn()
    _check(await walker.walk(hits), len(hits))


@_on_pg15
@_each_scenario
async def test_defects(host: Host, scenario: Scenario) -> None:
    """An error that nobody foresaw costs an attempt, or the daemon its life, and no more."""
    walker = Walker(host, scenario)
    hits = await walker.learn()
    steps = [hit for hit in hits if hit.point == "step.after"]
    commits = [hit for hit in hits if hit.point == "sqlite.commit.before"]
    walk = await walker.walk([*steps[:1], *commits[-1:]], action="error", attempts=2)
    assert not walk.failures, "\n\n".join(walk.failures)


@_on_pg15
@_each_scenario
async def test_slowness(host: Host, scenario: Scenario) -> None:
    """A server that takes its time changes nothing but the time."""
    walker = Walker(host, scenario)
    hits = await walker.learn()
    walk = await walker.walk(hits[len(hits) // 2 :][:1], action="delay:1")
    assert not walk.failures, "\n\n".join(walk.failures)
    assert walk.died == 0


@_on_pg15
@_each_scenario
async def test_killed_while_it_hangs(host: Host, scenario: Scenario) -> None:
    """A step that hangs and is ended by whoever watches the daemon: as any other death."""
    walker = Walker(host, scenario)
    steps = [hit for hit in await walker.learn() if hit.point == "step.before"]
    walk = await walker.walk(steps[:1], action="hang", patience_seconds=1)
    assert not walk.failures, "\n\n".join(walk.failures)
    assert walk.died == 0


@pytest.mark.full
@pytest.mark.timeout(900)
@_on_pg15
@_each_scenario
async def test_a_step_that_hangs_ends_at_its_deadline(host: Host, scenario: Scenario) -> None:
    walker = Walker(host, scenario)
    steps = [hit for hit in await walker.learn() if hit.point == "step.after"]
    walk = await walker.walk(steps[:1], action="hang", attempts=2, patience_seconds=300)
    assert not walk.failures, "\n\n".join(walk.failures)
