"""The daemon dies at every boundary of every job type, and its successor makes exactly what was wished."""

import pytest

from tests.reliability.host import Host
from tests.reliability.scenarios import SCENARIOS, Scenario
from tests.reliability.walk import Walk, Walker

_each_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
_STRIDE = 3


def _in(*versions: str):
    return pytest.mark.parametrize("host", versions, indirect=True, scope="package")


def _check(walk: Walk, hits: int) -> None:
    assert not walk.failures, "\n\n".join(walk.failures)
    # Points of the background alone may be missed.
    assert walk.died >= hits // 2, walk.survived


@_in("pg15")
@_each_scenario
async def test_killed_at_points(host: Host, scenario: Scenario) -> None:
    walker = Walker(host, scenario)
    hits = (await walker.learn())[::_STRIDE]
    _check(await walker.walk(hits), len(hits))


@pytest.mark.full
@pytest.mark.timeout(1800)
@_in("pg15", "pg18")
@_each_scenario
async def test_killed_at_every_point(host: Host, scenario: Scenario) -> None:
    walker = Walker(host, scenario)
    hits = await walker.learn()
    _check(await walker.walk(hits), len(hits))
