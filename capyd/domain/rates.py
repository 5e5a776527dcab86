"""How often something may be: the generic cell rate algorithm, which is a token bucket kept as one moment a key."""

from collections import OrderedDict
from typing import Final

_REMEMBERED: Final = 50_000


class Rate:
    """So many a minute for each key, and so many at once after a rest.

    A key is one number, and of 50,000 keys the one seen longest ago is forgotten for a new one: whoever comes from
    ever new addresses costs no more memory, and each call the same time.
    """

    def __init__(self, *, per_minute: int, burst: int) -> None:
        """`per_minute` 0: without a limit."""
        self._interval = 60 / per_minute if per_minute else 0.0
        self._tolerance = self._interval * (burst - 1)
        # When each key's next one would be due if it came evenly.
        self._due: OrderedDict[str, float] = OrderedDict()

    def wait(self, key: str, now: float) -> float:
        """The seconds until another one may be; 0: now. Nothing is counted. `now`: of a clock that never goes back."""
        return max(0.0, self._due.get(key, now) - self._tolerance - now)

    def take(self, key: str, now: float) -> float:
        """Count one in, if it may be; else the seconds until it may."""
        if not self._interval or (wait := self.wait(key, now)) > 0:
            return wait if self._interval else 0.0
        self.count(key, now)
        return 0.0

    def count(self, key: str, now: float) -> None:
        """Count one in that has been, whether it might or not."""
        if not self._interval:
            return
        due = max(now, self._due.get(key, now)) + self._interval
        # Beyond the tolerance by one at most: a flood is not to shut its source out for hours after it has ended.
        self._due[key] = min(due, now + self._tolerance + self._interval)
        self._due.move_to_end(key)
        if len(self._due) > _REMEMBERED:
            self._due.popitem(last=False)
