"""The one vocabulary of refusals. Each edge has one table that translates it."""

from collections.abc import Mapping


class CapydError(Exception):
    """A refusal whose text is meant for the caller: one sentence, what is wrong and what would be right.

    `code` is a stable word for programs; `field` names the request field at fault, where one is; `facts` are what a
    program needs to go on.
    """

    code = "internal"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        field: str | None = None,
        facts: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.field = field
        self.facts = dict(facts or {})


class InvalidError(CapydError):
    """The request is malformed or out of range, whatever the state of the world."""

    code = "invalid_argument"


class OutOfRangeError(InvalidError):
    """A place in a list or stream that is not there, or not any more."""

    code = "out_of_range"


class UnauthenticatedError(CapydError):
    """No token, or one that is not good."""

    code = "unauthenticated"


class ForbiddenError(CapydError):
    """The token is good and may not."""

    code = "forbidden"


class NotFoundError(CapydError):
    """Not there, or there and another organization's: the caller cannot tell which."""

    code = "not_found"


class ConflictError(CapydError):
    """It conflicts with the present state; the same request may be right later."""

    code = "conflict"


class TakenError(ConflictError):
    """A name that must be unique is in use."""

    code = "already_exists"


class TooManyRequestsError(CapydError):
    """More than may be; `retry_after_seconds` says when there is room again."""

    code = "too_many_requests"

    def __init__(self, message: str, *, code: str | None = None, retry_after_seconds: int = 1) -> None:
        super().__init__(message, code=code)
        self.retry_after_seconds = retry_after_seconds


class UnavailableError(CapydError):
    """A part that the answer needs does not answer; `retry_after_seconds` says when to ask again."""

    code = "unavailable"

    def __init__(self, message: str, *, code: str | None = None, retry_after_seconds: int = 5) -> None:
        super().__init__(message, code=code)
        self.retry_after_seconds = retry_after_seconds
