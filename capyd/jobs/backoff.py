"""How long a job rests before its next attempt."""

import random
from datetime import timedelta

WAIT_FOR_SERVER = timedelta(seconds=15)
"""The longest wait for a server. Whoever finds it answering again wakes the jobs at once."""

STATE_RETRY_SECONDS = 1.0
"""How long the engine rests when the state file cannot be written."""

_FIRST = timedelta(milliseconds=500)
_LONGEST = timedelta(minutes=2)


def retry_delay(attempts: int, generator: random.Random) -> timedelta:
    """0.5 s, doubled with each attempt, two minutes at most; half of it by chance, so that retries spread."""
    ceiling = min(_FIRST * float(1 << min(attempts - 1, 16)), _LONGEST)
    return ceiling * generator.uniform(0.5, 1.0)
