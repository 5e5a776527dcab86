"""A short run of `scripts/fuzz`; docs/security.md has a longer one."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import installations

_CLONE = Path(__file__).parents[2]
_SCRIPTS = _CLONE / "scripts"


@pytest.mark.timeout(300)
def test_a_short_run() -> None:
    binaries = str(installations()["pg15"].bin_dir)
    done = subprocess.run(
        [sys.executable, "-m", "fuzzing", "--requests", "200", "--seed", "1", "--postgres-bin", binaries],
        env={"PYTHONPATH": f"{_SCRIPTS}:{_CLONE}", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
    assert "all as documented" in done.stdout
    assert "gRPC: 200 calls" in done.stdout
    assert done.stdout.rstrip().endswith(" 0 failures")
