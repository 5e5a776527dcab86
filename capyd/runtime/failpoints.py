"""Named points at which a test has this process die, fail, hang or wait. Off unless the environment switches them on.

`CAPYD_FAILPOINTS` holds rules, separated by `;`, each `point#hit=action`:

- `point` is a name such as `sqlite.commit.before`, or `*` for every point;
- `#hit`, which may be left out, counts from 1: the rule is for that hit alone, and otherwise for every one;
- `action` is `exit` (as kill -9: nothing is cleaned up), `error`, `hang`, or `delay:0.5` (seconds).

`CAPYD_FAILPOINTS_TRACE` names a file to which each point is written as it is reached: what a walk over all of them
goes by. A call site is `if failpoints.active: await failpoints.reach("...")`, and so costs an attribute when off.
"""

import asyncio
import os
import re
import signal
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_RULE = re.compile(r"(?P<point>[a-z0-9_.*]+)(?:#(?P<hit>[0-9]+))?=(?P<action>exit|error|hang|delay:[0-9.]+)")


class FailpointError(Exception):
    """What the action `error` raises: a failure that nobody foresaw."""


@dataclass(frozen=True, slots=True)
class _Rule:
    point: str
    hit: int | None
    action: str


class Failpoints:
    """The rules of one process. `active` is False when there are none, and nothing is traced."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Raises ValueError when a rule has not the form that this module describes."""
        self._rules = tuple(_parse(text) for text in environment.get("CAPYD_FAILPOINTS", "").split(";") if text)
        trace = environment.get("CAPYD_FAILPOINTS_TRACE")
        self._trace = Path(trace) if trace else None
        self._hits: Counter[str] = Counter()
        self.active = bool(self._rules) or self._trace is not None

    async def reach(self, point: str) -> None:
        """Do what the rules say for this point, at this hit.

        Raises:
            FailpointError: a rule says `error`.
        """
        for name in (point, "*"):
            self._hits[name] += 1
        if self._trace is not None:
            with self._trace.open("a") as file:
                file.write(f"{point}\n")
        for rule in self._rules:
            if rule.point in (point, "*") and rule.hit in (None, self._hits[rule.point]):
                await _act(rule.action, point)


def _parse(text: str) -> _Rule:
    found = _RULE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"CAPYD_FAILPOINTS: {text!r} is not of the form point#hit=action")
    return _Rule(found["point"], int(found["hit"]) if found["hit"] else None, found["action"])


async def _act(action: str, point: str) -> None:
    match action.partition(":"):
        case ("exit", _, _):
            os.kill(os.getpid(), signal.SIGKILL)
        case ("error", _, _):
            raise FailpointError(f"the failpoint {point} was told to fail")
        case ("hang", _, _):
            await asyncio.Event().wait()
        case (_, _, seconds):
            await asyncio.sleep(float(seconds))


failpoints: Final = Failpoints(os.environ)
"""Those of this process."""
