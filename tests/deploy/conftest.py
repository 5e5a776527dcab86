"""A root directory in which scripts/install ran."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


class Host:
    """The files of a host, without its kernel."""

    def __init__(self, root: Path) -> None:
        self.root = root
        programs = root / "opt/capyd/bin"
        programs.mkdir(parents=True)
        # What the units start. systemd-analyze looks whether it is there and may be run, and runs nothing.
        for program in (programs / "capyd", programs / "capyd-http", root / "usr/sbin/pgbouncer", root / "bin/kill"):
            program.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy("/bin/true", program)

    def install(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        return self._run("install", "--python", str(self.root / "opt/capyd"), *arguments, check=check)

    def uninstall(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self._run("uninstall", *arguments)

    def files(self) -> dict[str, tuple[int, bytes]]:
        """Mode and content of every file, by its path."""
        return {
            str(path.relative_to(self.root)): (path.stat().st_mode, path.read_bytes())
            for path in self.root.rglob("*")
            if path.is_file()
        }

    def _run(self, script: str, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [SCRIPTS / script, "--root", str(self.root), *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A bare host."""
    return Host(tmp_path / "root")
