import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from capyd.runtime.failpoints import FailpointError, Failpoints


def test_they_are_off_without_the_environment() -> None:
    assert not Failpoints({}).active
    assert not Failpoints({"CAPYD_FAILPOINTS": ""}).active


async def test_a_rule_is_for_its_point_and_its_hit() -> None:
    points = Failpoints({"CAPYD_FAILPOINTS": "a.b#2=error"})
    assert points.active
    await points.reach("a.b")
    await points.reach("other")
    with pytest.raises(FailpointError, match=r"a\.b"):
        await points.reach("a.b")
    await points.reach("a.b")


async def test_a_star_counts_every_point() -> None:
    points = Failpoints({"CAPYD_FAILPOINTS": "*#2=error"})
    await points.reach("a")
    with pytest.raises(FailpointError):
        await points.reach("b")


async def test_hang_and_delay() -> None:
    points = Failpoints({"CAPYD_FAILPOINTS": "a=hang; b=delay:0.001"})
    await points.reach("b")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(points.reach("a"), 0.01)


def test_exit_is_a_kill() -> None:
    code = "import asyncio; from capyd.runtime.failpoints import failpoints; asyncio.run(failpoints.reach('a'))"
    ended = subprocess.run([sys.executable, "-c", code], env={"CAPYD_FAILPOINTS": "a=exit"}, check=False)
    assert ended.returncode == -9


async def test_the_trace_names_what_was_reached_in_order(tmp_path: Path) -> None:
    points = Failpoints({"CAPYD_FAILPOINTS_TRACE": str(tmp_path / "trace")})
    for point in ("a", "b", "a"):
        await points.reach(point)
    assert (tmp_path / "trace").read_text().split() == ["a", "b", "a"]


@pytest.mark.parametrize("rules", ["a", "a=explode", "a#x=exit", "A b=exit"])
def test_a_rule_that_cannot_be_is_said(rules: str) -> None:
    with pytest.raises(ValueError, match="CAPYD_FAILPOINTS"):
        Failpoints({"CAPYD_FAILPOINTS": rules})
