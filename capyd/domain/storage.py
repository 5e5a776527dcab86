"""How much of its storage a project uses: when that is looked at again, and when somebody is told."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

WARNING, CRITICAL, FULL = 80, 95, 100
LEVELS: Final = (WARNING, CRITICAL, FULL)
"""Per cent of the limit at which an alert says so."""
_RELEASE = 5
"""By how many points it must fall below a level, so that one that goes to and fro is not told of each time."""

_NEAR = 0.7
_SOON, _OFTEN, _NOW_AND_THEN, _RARELY = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
)


@dataclass(frozen=True, slots=True)
class Measurement:
    """The size of one project's database on disk."""

    project_id: str
    size_bytes: int
    measured_at: datetime
    level: int
    """The highest of `LEVELS` that was told of and still holds; 0: none."""


def next_level(size_bytes: int, limit_bytes: int, level: int) -> int:
    """The level from now on, when it was `level` before."""
    reached = max((each for each in LEVELS if size_bytes * 100 >= each * limit_bytes), default=0)
    if reached >= level or size_bytes * 100 < (level - _RELEASE) * limit_bytes:
        return reached
    return level


def measuring_interval(size_bytes: int, limit_bytes: int, *, is_busy: bool) -> timedelta:
    """How long a size holds. Busy: there were transactions since it was measured."""
    is_near = size_bytes >= _NEAR * limit_bytes
    if is_busy:
        return _SOON if is_near else _OFTEN
    return _NOW_AND_THEN if is_near else _RARELY
