"""What files lie on, as far as the kernel says, and what a sync costs there."""

import os
import statistics
import tempfile
import time
from pathlib import Path

_SYNCS = 50
_BLOCK = b"\0" * 4096


def describe_disk(directory: Path) -> str:
    """Such as `ext4 on vda (virtual), 0.25 ms to write and sync 4 KiB`."""
    device = directory.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    return (
        f"{_file_system(number)} on {_device(number)}, {_sync_milliseconds(directory):.2f} ms to write and sync 4 KiB"
    )


def _file_system(number: str) -> str:
    # proc_pid_mountinfo(5): optional fields end with a lone hyphen, and the type follows.
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, source = line.partition(" - ")
        if mount.split()[2] == number:
            return source.split()[0]
    return "a file system"


def _device(number: str) -> str:
    block = Path("/sys/dev/block") / number
    if not block.exists():
        return "no block device"
    device = block.resolve()
    if (device / "partition").exists():
        device = device.parent
    if "/virtio" in str(device):
        kind = "virtual"
    else:
        kind = "rotating" if (device / "queue/rotational").read_text().strip() == "1" else "solid state"
    return f"{device.name} ({kind})"


def _sync_milliseconds(directory: Path) -> float:
    """The median of some appends, each synced."""
    samples = []
    with tempfile.TemporaryFile(dir=directory) as file:
        for _ in range(_SYNCS):
            started = time.perf_counter()
            os.write(file.fileno(), _BLOCK)
            os.fdatasync(file.fileno())
            samples.append((time.perf_counter() - started) * 1000)
    return statistics.median(samples)
