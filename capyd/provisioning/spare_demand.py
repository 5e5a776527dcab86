"""How many spares are worth keeping: what was claimed lately says what may be claimed next."""

import time
from collections import deque
from collections.abc import Callable

_BUCKET_SECONDS = 10
_MINUTE = 6
_REMEMBERED = 360
"""Buckets: an hour."""


class SpareDemand:
    """Counts claims, and derives the target from them: the busiest minute of the last hour.

    The busiest minute and not the mean: creates come in bursts, and a spare that waits costs disk alone. Kept in
    memory: what deleted projects once claimed is in no row, and after a restart the least is a good guess.
    """

    def __init__(self, *, least: int, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds and never goes back."""
        self.least = least
        """Kept ready when nobody asks. 0: none is ever kept, whatever is claimed."""
        self.most = most
        """Never more than this, unless `least` is."""
        self._clock = clock
        self._buckets: deque[tuple[int, int]] = deque()
        self._last_claim: float | None = None

    def claimed(self) -> None:
        """A create asked for one, and there was one or not."""
        self._last_claim = self._clock()
        bucket = int(self._last_claim) // _BUCKET_SECONDS
        claims = self._buckets.pop()[1] if self._buckets and self._buckets[-1][0] == bucket else 0
        self._buckets.append((bucket, claims + 1))
        self._forget(bucket)

    def seconds_since_claim(self) -> float:
        """Infinite when there was none yet."""
        return float("inf") if self._last_claim is None else self._clock() - self._last_claim

    def claims_per_minute(self) -> int:
        """Claims in the last minute, to within ten seconds."""
        return self._ending_at(self._now())

    def target(self) -> int:
        """How many are to be ready."""
        if self.least == 0:
            return 0
        self._forget(self._now())
        busiest = max((self._ending_at(bucket) for bucket, _ in self._buckets), default=0)
        return max(self.least, min(busiest, self.most))

    def _now(self) -> int:
        return int(self._clock()) // _BUCKET_SECONDS

    def _ending_at(self, last: int) -> int:
        return sum(claims for bucket, claims in self._buckets if last - _MINUTE < bucket <= last)

    def _forget(self, now: int) -> None:
        while self._buckets and self._buckets[0][0] <= now - _REMEMBERED:
            self._buckets.popleft()
