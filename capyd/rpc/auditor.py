"""Has each call of one method written down, as the method's proto says."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from capyd.domain.audit import ACCEPTED, REPEATED
from capyd.domain.callers import Caller
from capyd.domain.errors import CapydError, TooManyRequestsError, UnauthenticatedError, UnavailableError
from capyd.domain.principals import Principal
from capyd.rpc.audit_rules import AuditRule, audit_rule, describe_call, describe_refused, is_written_down
from capyd.runtime.logs import get_logger
from capyd.usecases.audit import AuditedCall, AuditTrail

logger = get_logger(__name__)


class Act(Protocol):
    """What a method does, once for a request that is repeated."""

    async def __call__(self, request: Any, principal: Principal, *, when_repeated: Callable[[], None]) -> Message:
        """The answer."""
        ...


class Auditor:
    """The audit trail, as the handlers of one method use it."""

    def __init__(self, method: MethodDescriptor, trail: AuditTrail) -> None:
        self._rule = audit_rule(method)
        self._trail = trail

    async def call(self, act: Act, request: Any, caller: Caller) -> Message:
        """The act's answer, once it is written down."""
        rule = self._rule
        if rule is None or not is_written_down(rule, request):
            return await act(request, caller.principal, when_repeated=_nothing)
        if rule.changes_state and not rule.ahead:
            return await self._trail.change(caller, partial(self._change, rule, act, request, caller))
        if rule.ahead:
            await self._trail.note(caller, describe_call(rule, request, None))
        answer = await act(request, caller.principal, when_repeated=_nothing)
        if not rule.ahead:
            await self._trail.note(caller, describe_call(rule, request, answer))
        return answer

    async def refused(self, caller: Caller, request: Any, error: BaseException) -> None:
        """Write down that the call was refused with this error. It is the caller's answer, whatever happens here."""
        try:
            if isinstance(error, UnauthenticatedError | TooManyRequestsError):
                self._trail.unauthenticated(caller, error)
            elif self._rule is not None and is_written_down(self._rule, request) and _is_refusal(error):
                refusal = error if isinstance(error, CapydError) else CapydError("a fault inside capyd")
                await self._trail.refused(caller, describe_refused(self._rule, request), refusal)
        except UnavailableError as unwritable:
            logger.warning("audit.refusal_not_written", reason=unwritable.message)
        except Exception:
            logger.exception("audit.refusal_not_written")

    async def _change(
        self, rule: AuditRule, act: Act, request: Any, caller: Caller
    ) -> tuple[Message, AuditedCall, str]:
        outcomes = [ACCEPTED]
        answer = await act(request, caller.principal, when_repeated=lambda: outcomes.append(REPEATED))
        return answer, describe_call(rule, request, answer), outcomes[-1]


def _is_refusal(error: BaseException) -> bool:
    """Whoever went away was refused nothing; and a state that cannot be written takes no row."""
    if isinstance(error, asyncio.CancelledError):
        return False
    return not (isinstance(error, UnavailableError) and error.code == "state_not_writable")


def _nothing() -> None:
    """A repetition that nobody wants to know of."""
