"""Writes the audit trail: what was changed together with the change, what was refused, and by whom nobody knows."""

import ipaddress
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, TypeVar

from capyd.domain.api_keys import TOKEN_PREFIX
from capyd.domain.audit import ACCEPTED, NewAuditEvent
from capyd.domain.callers import Caller
from capyd.domain.errors import CapydError, TooManyRequestsError, UnauthenticatedError, UnavailableError
from capyd.runtime.clock import Clock
from capyd.runtime.logs import get_logger
from capyd.sqlite.audit import insert_audit_event
from capyd.sqlite.audit_subjects import find_subject
from capyd.sqlite.database import Database, Reads, Transaction

logger = get_logger(__name__)

Answer = TypeVar("Answer")

_WRITTEN_EACH: Final = 10
"""Refusals of one kind in a minute that have a row each; the others are one row together."""
_KINDS_AT_ONCE: Final = 1000
_PUT_OFF_AT_ONCE: Final = 1000
_LONGEST_ERROR: Final = 300
_OTHERS: Final = "several"


@dataclass(frozen=True, slots=True)
class AuditedCall:
    """What a call is about, as far as the call itself says."""

    action: str
    target_kind: str | None
    target_id: str | None
    organization_id: str | None
    project_id: str | None
    job_id: str | None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Tally:
    """How often something was refused in this minute."""

    sample: NewAuditEvent
    number: int = 0
    written: int = 0


class AuditTrail:
    """The audit trail of calls. Acts of the daemon itself are written where they are done."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._refused: dict[tuple[str | None, ...], _Tally] = {}
        self._put_off: list[tuple[NewAuditEvent, datetime]] = []

    async def change(self, caller: Caller, act: Callable[[], Awaitable[tuple[Answer, AuditedCall, str]]]) -> Answer:
        """Let `act` make its change, and write it down in the same transaction: both are there, or neither.

        `act` returns its answer, what it was about, and the outcome.
        """
        async with self._database.transaction() as tx:
            answer, call, outcome = await act()
            await self._write(tx, caller, call, outcome)
        return answer

    async def note(self, caller: Caller, call: AuditedCall) -> None:
        """Write down what was done, or is about to be, outside of the state file.

        A state file that cannot be written does not keep anybody from reading: the row is written once it can be.
        """
        try:
            async with self._database.transaction() as tx:
                await self._write(tx, caller, call, ACCEPTED)
        except UnavailableError as error:
            logger.warning("audit.put_off", action=call.action, reason=error.message)
            if len(self._put_off) < _PUT_OFF_AT_ONCE:
                async with self._database.reading() as reads:
                    self._put_off.append((await _event(reads, caller, call, ACCEPTED), self._clock()))

    async def refused(self, caller: Caller, call: AuditedCall, error: CapydError) -> None:
        """Write down that the call was refused. Many of one kind within a minute are counted."""
        async with self._database.reading() as reads:
            event = await _event(reads, caller, call, error.code)
        event = replace(event, metadata={"error": _without_keys(error.message)[:_LONGEST_ERROR]})
        key = (event.actor_kind, event.actor_id, event.action, event.outcome, event.address)
        tally = self._tally(key, event)
        tally.number += 1
        if tally.written < _WRITTEN_EACH:
            tally.written += 1
            async with self._database.transaction() as tx:
                await insert_audit_event(tx, event, now=self._clock())

    def unauthenticated(self, caller: Caller, error: UnauthenticatedError | TooManyRequestsError) -> None:
        """Count a call by somebody whom nobody knows, or who calls too often: a row an address and minute, written at
        its end.
        """
        event = NewAuditEvent(
            "authentication.refuse",
            actor_kind="anonymous",
            outcome=error.code,
            address=_network(caller.address),
            metadata={"error": error.message[:_LONGEST_ERROR]},
        )
        self._tally(("anonymous", event.address), event).number += 1

    async def write_counts(self) -> int:
        """One pass, each minute: write what was only counted or put off; how many rows that were."""
        refused, self._refused = self._refused, {}
        put_off, self._put_off = self._put_off, []
        counted = [
            replace(tally.sample, metadata={**tally.sample.metadata, "count": tally.number - tally.written})
            for tally in refused.values()
            if tally.number > tally.written
        ]
        if not counted and not put_off:
            return 0
        now = self._clock()
        try:
            async with self._database.transaction() as tx:
                for event, moment in (*put_off, *((event, now) for event in counted)):
                    await insert_audit_event(tx, event, now=moment)
        except UnavailableError:
            self._put_off = [*put_off, *((event, now) for event in counted), *self._put_off][:_PUT_OFF_AT_ONCE]
            raise
        return len(put_off) + len(counted)

    def _tally(self, key: tuple[str | None, ...], event: NewAuditEvent) -> _Tally:
        """The tally of this kind; with too many kinds at once, the one of all others."""
        if key not in self._refused and len(self._refused) >= _KINDS_AT_ONCE:
            key = (_OTHERS, event.actor_kind)
            event = NewAuditEvent("call.refuse", actor_kind=event.actor_kind, outcome=_OTHERS)
        return self._refused.setdefault(key, _Tally(event))

    async def _write(self, tx: Transaction, caller: Caller, call: AuditedCall, outcome: str) -> None:
        await insert_audit_event(tx, await _event(tx, caller, call, outcome), now=self._clock())


async def _event(reads: Reads, caller: Caller, call: AuditedCall, outcome: str) -> NewAuditEvent:
    """The row. A project or organization that is not the caller's is not named as such: its owner must not see it."""
    kind, actor_id = caller.actor
    subject = await find_subject(
        reads,
        organization_id=caller.principal.organization_id,
        project_id=call.project_id,
        job_id=call.job_id,
        asked_for=call.organization_id,
    )
    return NewAuditEvent(
        call.action,
        actor_kind=kind,
        actor_id=actor_id,
        auth_source=caller.principal.auth_source,
        outcome=outcome,
        target_kind=call.target_kind,
        target_id=None if call.target_id is None else _without_keys(call.target_id),
        organization_id=subject.organization_id,
        project_id=subject.project_id,
        address=caller.address,
        request_id=caller.request_id,
        metadata={name: _without_keys(text) for name, text in call.metadata.items()},
    )


def _without_keys(text: str) -> str:
    """The text, where somebody put a key in the place of something else, without it."""
    return re.sub(rf"{TOKEN_PREFIX}\w+", f"{TOKEN_PREFIX}…", text)


def _network(address: str | None) -> str | None:
    """What one attacker has many of is counted as one: an IPv6 address by its /64."""
    if address is None or ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network(f"{address}/64", strict=False))
    except ValueError:
        return address
