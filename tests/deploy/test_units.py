"""The units: accepted by systemd, hardened, and the template says what the plain one does."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.conftest import Host

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
NAMES = sorted(path.name for path in UNITS.glob("*.service"))
_MOST_EXPOSURE = 2.0

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None and os.environ.get("CI") != "true", reason="there is no systemd-analyze"
)


@needs_systemd
def test_systemd_accepts_them_where_the_installation_ran(host: Host) -> None:
    host.install()
    # The targets that they name are systemd's own.
    shutil.copytree("/usr/lib/systemd/system", host.root / "usr/lib/systemd/system", symlinks=True)
    instances = [name.replace("@.", "@15-main.") for name in NAMES]
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"--root={host.root}", *instances],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in verified.stderr.splitlines() if "capyd" in line]
    assert ours == []
    assert verified.returncode == 0, verified.stderr


@needs_systemd
@pytest.mark.parametrize("name", NAMES)
def test_each_is_hardened(name: str) -> None:
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(UNITS / name)],
        capture_output=True,
        text=True,
        check=True,
    )
    exposure = re.search(r"Overall exposure level for .*: ([0-9.]+)", judged.stdout)
    assert exposure is not None, judged.stdout
    assert float(exposure[1]) <= _MOST_EXPOSURE


@pytest.mark.parametrize("name", ["capyd", "capyd-pooler"])
def test_the_template_differs_in_its_places_alone(name: str) -> None:
    def lines(path: Path) -> list[str]:
        text = path.read_text().replace("@%i.service", ".service").replace("capyd-%i", "capyd").replace("/%i", "")
        return [line for line in text.splitlines() if not line.startswith(("#", "Description"))]

    assert lines(UNITS / f"{name}@.service") == lines(UNITS / f"{name}.service")


@pytest.mark.parametrize("name", NAMES)
def test_none_is_bound_to_the_cluster_and_none_runs_as_root(name: str) -> None:
    text = (UNITS / name).read_text()
    assert not re.search(r"^(BindsTo|Requires|PartOf)=", text, re.MULTILINE)
    assert re.search(r"^User=capyd(-pooler|-http)?$", text, re.MULTILINE)
