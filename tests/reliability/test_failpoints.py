"""The daemon dies at every boundary of every job type, and its successor makes exactly what was wished."""

import pytest

from tests.reliability.host import Host
from tests.reliability.scenarios import SCENARIOS, Scenario
from tests.reliability.walk import Walk, Walker

_STRIDE = 8

_each_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
# Opening again is what a change of limits does too: it is walked where there is time.
_each_quick_scenario = pytest.mark.parametrize(
    "scenario", [it for it in SCENARIOS if it.name != "release"], ids=lambda scenario: scenario.name
)
_on_pg15 = pytest.mark.parametrize("host", ["pg15"], indirect=True, scope="package")
_on_each_version = pytest.mark.parametrize("host", ["pg15", "pg18"], indirect=True, scope="package")


def _succeeded(walk: Walk) -> Walk:
    assert not walk.failures, "\n\n".join(walk.failures)
    return walk


@_on_pg15
@_each_quick_scenario
async def test_some_points(host: Host, scenario: Scenario) -> None:
    walker = Walker(host, scenario)
    hits = await walker.learn()
    steps = [hit for hit in hits if hit.point == "step.after"]

    # Between what one point is behind and the next one before, nothing durable happens: half of them will do.
    behind = [hit for hit in hits if hit.point.endswith(".after")][SCENARIOS.index(scenario) :: _STRIDE]
    assert _succeeded(await walker.walk(behind)).died

    # A defect costs an attempt, and no more.
    walk = _succeeded(await walker.walk(steps[:1], action="error", attempts=2))
    assert walk.survived

    # A step that hangs, until somebody kills the daemon: as any other death.
    walk = _succeeded(await walker.walk(steps[-1:], action="hang", patience_seconds=0.5))
    assert walk.given_up

    # A server that takes its time changes nothing but the time.
    walk = _succeeded(await walker.walk(hits[len(hits) // 2 :][:1], action="delay:0.5"))
    assert walk.survived


@pytest.mark.full
@pytest.mark.timeout(3600)
@_on_each_version
@_each_scenario
async def test_killed_at_every_point(host: Host, scenario: Scenario) -> None:
    walker = Walker(host, scenario)
    hits = await walker.learn()
    walk = _succeeded(await walker.walk(hits))
    assert not walk.given_up
    # A few are missed, where the background met the job at another moment.
    assert len(walk.survived) <= len(hits) // 4, walk.survived


@pytest.mark.full
@pytest.mark.timeout(3600)
@_on_each_version
@_each_scenario
async def test_a_defect_at_every_point(host: Host, scenario: Scenario) -> None:
    """It costs an attempt, or the daemon its life (then the state could not be written), and no more."""
    walker = Walker(host, scenario)
    walk = _succeeded(await walker.walk(await walker.learn(), action="error", attempts=2))
    assert not walk.given_up


@pytest.mark.full
@pytest.mark.timeout(900)
@_on_pg15
@_each_scenario
async def test_a_step_that_hangs_ends_at_its_deadline(host: Host, scenario: Scenario) -> None:
    walker = Walker(host, scenario)
    steps = [hit for hit in await walker.learn() if hit.point == "step.after"]
    walk = _succeeded(await walker.walk(steps[:1], action="hang", attempts=2, patience_seconds=300))
    assert walk.survived
