"""`capyd dev` as a process, for tests."""

import asyncio
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from capyd.dev.leftovers import end_leftovers
from capyd.host.processes import ProcessIdentity, identify

READY_SECONDS = 60


class Stack:
    """One state directory, and the `capyd dev` that runs on it."""

    def __init__(self, directory: Path, *options: str, user: str | None = None, log: str = "dev.log") -> None:
        self.state = directory / "state"
        self.ready_file = directory / "ready.json"
        self._log = directory / log
        self._options = options
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    @property
    def said(self) -> str:
        """What the last run printed."""
        return self._log.read_text()

    def launch(self, *options: str) -> None:
        """Start it, and do not wait."""
        argv = [sys.executable, "-m", "capyd", "dev", "--state-dir", str(self.state)]
        argv += ["--ready-file", str(self.ready_file), *self._options, *options]
        if self._user is not None:
            argv = [*_as(self._user), *argv]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True, cwd="/")

    def launch_on_terminal(self) -> int:
        """Start it on a terminal of its own, whose other end (a file descriptor) is returned."""
        ours, theirs = os.openpty()
        # `setsid --ctty`: Ctrl-C and hanging up reach it as from any terminal.
        argv = ["setsid", "--ctty", "--wait", sys.executable, "-m", "capyd", "dev", "--state-dir", str(self.state)]
        argv += ["--ready-file", str(self.ready_file)]
        self._log.touch()
        self._process = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, cwd="/")
        os.close(theirs)
        return ours

    def start(self, *options: str) -> dict[str, Any]:
        """Start it, wait until it is ready, and return what the ready file says."""
        self.launch(*options)
        return self.wait_until(lambda ready: True)

    def wait_until(self, condition) -> dict[str, Any]:
        """Wait until the ready file is there and says what it should."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"capyd dev exited with {self.process.returncode}:\n{self.said}")
            if self.ready_file.exists():
                ready = json.loads(self.ready_file.read_text())
                if condition(ready):
                    return dict(ready)
            time.sleep(0.02)
        raise AssertionError(f"not ready within {READY_SECONDS} s:\n{self.said}")

    def stop(self) -> int:
        """Ask it to stop, and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(READY_SECONDS)

    def kill(self) -> None:
        """kill -9: its children live on, and the ready file stays."""
        self.process.kill()
        self.process.wait()
        self.ready_file.unlink(missing_ok=True)


def _as(user: str) -> list[str]:
    """A prefix that runs a command as `user`, who may read what lies under /root: the interpreter, this clone."""
    reading = "+dac_read_search"
    return [
        *("setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--clear-groups"),
        *(f"--inh-caps={reading}", f"--ambient-caps={reading}", "--"),
    ]


@contextmanager
def new_stack(*options: str, user: str | None = None) -> Iterator[Stack]:
    """A stack with a state directory of its own, stopped and removed at the end."""
    directory = Path(tempfile.mkdtemp(prefix="capyd-stack-", dir="/tmp"))
    if user is not None:
        shutil.chown(directory, user)
    stack = Stack(directory, *options, user=user)
    try:
        yield stack
    finally:
        if stack._process is not None and stack.process.poll() is None:
            stack.stop()
        servers = stack.state / "servers"
        if servers.exists():
            # A test that failed between a kill and the next start left them.
            asyncio.run(end_leftovers(servers.resolve()))
        if servers.is_symlink():
            shutil.rmtree(servers.resolve(), ignore_errors=True)
        shutil.rmtree(directory)


def call(ready: dict[str, Any], method: str, path: str, body: object = None) -> dict[str, Any]:
    """One REST request; returns the JSON of a 2xx answer."""
    request = urllib.request.Request(  # noqa: S310
        f"{ready['http_url']}{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {ready['api_key']}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
        return dict(json.load(response))


def create_project(ready: dict[str, Any]) -> dict[str, Any]:
    """Create a project, wait for its job, and return its connections."""
    created = call(ready, "POST", "/v1/projects", {"name": "a project"})
    job = created["job"]
    deadline = time.monotonic() + READY_SECONDS
    while job["state"] != "completed":
        assert job["state"] != "failed", job
        assert time.monotonic() < deadline, job
        time.sleep(0.02)
        job = call(ready, "GET", f"/v1/jobs/{job['id']}")["job"]
    return connections(ready, created["project"]["id"])


def connections(ready: dict[str, Any], project_id: str) -> dict[str, Any]:
    """The project's connection URLs."""
    return dict(call(ready, "GET", f"/v1/projects/{project_id}/connections")["connections"]) | {"id": project_id}


def running(ready: dict[str, Any]) -> dict[str, ProcessIdentity]:
    """The processes that the ready file names."""
    found = {name: identify(pid) for name, pid in ready["pids"].items()}
    return {name: process for name, process in found.items() if process is not None}


IS_ROOT = os.geteuid() == 0
