"""The machine that was measured, and how busy it was."""

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Machine:
    """What a reader needs to know to compare."""

    processor: str
    cores: int
    """Those that this process may use."""
    memory_gib: float
    kernel: str
    load: float
    """The load average of the last minute, before anything was started."""


def describe_machine() -> Machine:
    """This machine, now."""
    return Machine(
        processor=_field("/proc/cpuinfo", "model name") or platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(int(_field("/proc/meminfo", "MemTotal").split()[0]) / 1024**2, 1),
        kernel=f"{platform.system()} {platform.release()}",
        load=round(os.getloadavg()[0], 2),
    )


def _field(path: str, name: str) -> str:
    found = re.search(rf"^{name}\s*: *(.+)$", Path(path).read_text(), re.MULTILINE)
    return "" if found is None else found[1]
