"""What a running PostgreSQL says of itself in its data directory (`postmaster.pid`), and what one leaves behind."""

import asyncio
import signal
from dataclasses import dataclass
from pathlib import Path

from capyd.host.errors import HostError
from capyd.host.processes import ProcessIdentity, command_of, find_by_title, identify

_SHARED_MEMORY = Path("/proc/sysvipc/shm")
_POLL_SECONDS = 0.05
_PATIENCE_SECONDS = 5.0
_LIMIT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class PostmasterFile:
    """The lines of `postmaster.pid` that matter here."""

    pid: int
    shared_memory_id: int | None
    """Of the System V segment that the postmaster and each of its children are attached to."""
    ready: bool
    """It takes connections."""


def read_postmaster_file(data: Path) -> PostmasterFile | None:
    """What the file says, or None when there is none or it is not yet whole."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    if not lines or not lines[0].strip().isdigit():
        return None
    memory = lines[6].split() if len(lines) > 6 else []
    return PostmasterFile(
        pid=int(lines[0]),
        shared_memory_id=int(memory[1]) if len(memory) > 1 else None,
        ready=len(lines) > 7 and lines[7].strip() == "ready",
    )


def find_postmaster(data: Path) -> ProcessIdentity | None:
    """The postmaster that runs on this data directory, whoever started it, or None.

    Its command line is looked at too: after a reboot the pid in the file may be anybody's.
    """
    file = read_postmaster_file(data)
    process = identify(file.pid) if file else None
    if process is None or str(data) not in command_of(process.pid):
        return None
    return process


async def wait_for_orphans(data: Path, *, title: str) -> None:
    """Wait until the children of a killed postmaster are gone: no new one can start on its data before.

    They end by themselves when they notice; one that does not within some seconds is killed.

    Args:
        data: the data directory.
        title: what the titles of the cluster's processes start with (`postgres: <cluster_name>: `).

    Raises:
        HostError: they do not go.
    """
    file = read_postmaster_file(data)
    if file is None or file.shared_memory_id is None:
        return
    loop = asyncio.get_running_loop()
    started = loop.time()
    while _is_attached(file.shared_memory_id):
        waited = loop.time() - started
        if waited > _LIMIT_SECONDS:
            raise HostError(f"processes of a killed PostgreSQL still use its data in {data}")
        if waited > _PATIENCE_SECONDS:
            for process in find_by_title(title):
                process.send(signal.SIGKILL)
        await asyncio.sleep(_POLL_SECONDS)


def _is_attached(shared_memory_id: int) -> bool:
    """Whether any process is attached to the segment: the check that a starting postmaster makes itself."""
    for line in _SHARED_MEMORY.read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1]) == shared_memory_id:
            return int(fields[6]) > 0
    return False
