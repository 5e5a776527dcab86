"""The same request again gets the same answer, across restarts too."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from capyd.domain.errors import ConflictError, InvalidError
from capyd.domain.principals import Principal
from capyd.runtime.clock import Clock
from capyd.sqlite.answers import KeptAnswer, RequestKey, delete_answers, find_answer, put_answer
from capyd.sqlite.database import Database

KEPT_FOR = timedelta(hours=24)
_LONGEST_REQUEST_ID = 255


class RepeatedRequests:
    """Keeps the answers of mutations that carry a request id.

    An answer is kept in the mutation's own transaction: it is there exactly when the change is. Refusals are not
    kept; the request may be right later. One that is under way holds the write lock, so that its repetition waits.
    """

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def once(
        self,
        principal: Principal,
        *,
        method: str,
        request_id: str,
        fingerprint: bytes,
        act: Callable[[], Awaitable[tuple[bytes, bytes]]],
        when_repeated: Callable[[], None] = lambda: None,
    ) -> bytes:
        """The answer of `act`, or the one that it gave before, and then `when_repeated` is called.

        `act` makes the change in transactions of this database alone, and returns the answer, and what is kept of
        it for a repetition. Both are serialized messages.

        Raises:
            InvalidError: the request id is too long, or not printable.
            ConflictError: the request id was used for another request.
        """
        if len(request_id) > _LONGEST_REQUEST_ID or not request_id.isprintable():
            raise InvalidError(
                f"the idempotency key must be at most {_LONGEST_REQUEST_ID} printable characters", field="request_id"
            )
        key = RequestKey(f"{principal.organization_id or ''}/{principal.project_id or ''}", method, request_id)
        now = self._clock()
        async with self._database.transaction() as tx:
            kept = await find_answer(tx, key, since=now - KEPT_FOR)
            if kept is not None:
                if kept.fingerprint != fingerprint:
                    raise ConflictError(
                        "this idempotency key was used for another request: use a new one",
                        code="idempotency_key_reused",
                    )
                when_repeated()
                return kept.answer
            answer, to_keep = await act()
            await put_answer(tx, key, KeptAnswer(fingerprint, to_keep), now=now)
        return answer

    async def forget_old(self) -> int:
        """One pass: forget answers that are too old; how many those were."""
        async with self._database.transaction() as tx:
            return await delete_answers(tx, created_before=self._clock() - KEPT_FOR)
