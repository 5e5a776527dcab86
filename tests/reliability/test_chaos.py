"""A short `scripts/chaos`, and that a seed says everything."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import installations

_CLONE = Path(__file__).parents[2]
_SCRIPTS = _CLONE / "scripts"


def _chaos(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "reliability", *arguments],
        env={"PYTHONPATH": f"{_SCRIPTS}:{_CLONE}", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "COLUMNS": "160"},
        check=False,
        capture_output=True,
        text=True,
    )


def test_nothing_is_lost_in_a_short_run() -> None:
    binaries = str(installations()["pg15"].bin_dir)
    run = _chaos("--operations", "30", "--kills", "8", "--clients", "4", "--seed", "15", "--postgres-bin", binaries)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "FALSE" not in run.stdout


def test_a_seed_is_a_schedule() -> None:
    code = (
        "from reliability.schedule import draw_schedule\n"
        "for seed in (1, 1, 2): print(draw_schedule(seed=seed, operations=50, kills=9, clients=3))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{_SCRIPTS}:{_CLONE}"},
        check=True,
        capture_output=True,
        text=True,
    )
    first, again, other = run.stdout.splitlines()
    assert first == again != other
    assert first.count("Operation(") == 50
    assert first.count("Kill(") == 9


@pytest.mark.full
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("binaries", ["pg15", "pg18"])
def test_nothing_is_lost_in_a_long_run(binaries: str) -> None:
    found = installations()[binaries]
    where = "embedded" if found.name == "wheel" else str(found.bin_dir)
    run = _chaos("--operations", "500", "--kills", "100", "--seed", "3", "--postgres-bin", where)
    assert run.returncode == 0, run.stdout + run.stderr
