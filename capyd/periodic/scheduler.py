"""Runs timed duties on APScheduler. A duty that fails is logged; one that fails time after time ends the daemon."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from capyd.domain.errors import UnavailableError
from capyd.runtime.logs import get_logger

logger = get_logger(__name__)

_TOLERATED_FAILURES = 5


@dataclass(frozen=True, slots=True)
class Duty:
    """Something done again and again; one pass is a call that a test can make."""

    name: str
    every: timedelta
    one_pass: Callable[[], Awaitable[object]]


class DutyFailedError(Exception):
    """A duty has failed several times in a row."""


class Scheduler:
    """The duties of one daemon. Passes of one duty never overlap, and missed ones run once."""

    def __init__(self, duties: tuple[Duty, ...]) -> None:
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        self._failures: dict[str, int] = {}
        self._given_up: asyncio.Queue[str] = asyncio.Queue()
        for duty in duties:
            self._scheduler.add_job(
                self._pass_of,
                IntervalTrigger(seconds=int(duty.every.total_seconds()), timezone="UTC"),
                args=(duty,),
                id=duty.name,
                # The default skips a pass that is a second late.
                misfire_grace_time=None,
                coalesce=True,
                max_instances=1,
            )

    async def run(self) -> None:
        """Run the duties until cancelled.

        Raises:
            DutyFailedError: one has failed five times in a row.
        """
        self._scheduler.start()
        try:
            duty = await self._given_up.get()
            raise DutyFailedError(f"the duty '{duty}' has failed {_TOLERATED_FAILURES} times in a row")
        finally:
            self._scheduler.shutdown(wait=False)

    async def _pass_of(self, duty: Duty) -> None:
        try:
            await duty.one_pass()
        except UnavailableError as error:
            # It will be again, and the next pass makes up for this one.
            logger.warning("duty.put_off", duty=duty.name, reason=error.message)
        except Exception:
            self._failures[duty.name] = self._failures.get(duty.name, 0) + 1
            logger.exception("duty.failed", duty=duty.name, in_a_row=self._failures[duty.name])
            if self._failures[duty.name] >= _TOLERATED_FAILURES:
                self._given_up.put_nowait(duty.name)
        else:
            self._failures[duty.name] = 0
