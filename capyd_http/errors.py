"""What the gateway answers when it cannot give what was asked: the one table from gRPC codes to HTTP."""

import math
from dataclasses import dataclass

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

_DETAILS_KEY = "grpc-status-details-bin"


class ApiError(Exception):
    """An answer that is an error: the HTTP status, one sentence for the caller, and a stable word for programs."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str,
        field: str | None = None,
        retry_after_seconds: int | None = None,
        allow: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.field = field
        self.retry_after_seconds = retry_after_seconds
        self.allow = allow
        """The methods that a path does take, for 405."""


@dataclass(frozen=True, slots=True)
class _Row:
    status: int
    code: str
    message: str
    """Said when the daemon gives no words of its own: then gRPC's may name sockets, addresses or types."""
    retry_after_seconds: int | None = None


_INTERNAL = _Row(500, "internal", "something went wrong on our side; the request_id names it in our logs")
_TABLE = {
    grpc.StatusCode.INVALID_ARGUMENT: _Row(400, "invalid_argument", "the request is not valid"),
    grpc.StatusCode.OUT_OF_RANGE: _Row(400, "out_of_range", "a value is out of its range"),
    grpc.StatusCode.UNAUTHENTICATED: _Row(401, "unauthenticated", "the token is not valid"),
    grpc.StatusCode.PERMISSION_DENIED: _Row(403, "forbidden", "the token may not do this"),
    grpc.StatusCode.NOT_FOUND: _Row(404, "not_found", "there is no such thing"),
    grpc.StatusCode.UNIMPLEMENTED: _Row(404, "not_found", "this daemon does not serve the method"),
    grpc.StatusCode.ALREADY_EXISTS: _Row(409, "already_exists", "it exists already"),
    grpc.StatusCode.FAILED_PRECONDITION: _Row(409, "conflict", "it conflicts with the present state"),
    grpc.StatusCode.ABORTED: _Row(409, "conflict", "it conflicts with another request; send it again"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: _Row(429, "too_many_requests", "too many requests; send it again later", 5),
    grpc.StatusCode.UNAVAILABLE: _Row(
        503, "daemon_unreachable", "the daemon cannot be reached just now; send it again in a moment", 2
    ),
    # Not by our client: that ends the whole request. A daemon that is stopping lets go of what takes it too long.
    grpc.StatusCode.CANCELLED: _Row(503, "daemon_stopping", "the daemon is stopping; send it again in a moment", 2),
    grpc.StatusCode.DEADLINE_EXCEEDED: _Row(504, "deadline_exceeded", "the daemon did not answer in time"),
}


def internal_error() -> ApiError:
    """The answer to a fault of our own: fixed, so that it shows nothing of it."""
    return ApiError(_INTERNAL.status, _INTERNAL.message, code=_INTERNAL.code)


def from_rpc(error: grpc.aio.AioRpcError) -> ApiError:
    """The HTTP form of a failed call.

    The daemon's refusals carry an ErrorInfo, and then their sentence is meant for the caller. A failure without
    one comes from gRPC itself or is no refusal, and the table's own sentence stands in.
    """
    row = _TABLE.get(error.code())
    if row is None:
        return internal_error()
    reason, field, retry_after = None, None, None
    for detail in _details(error):
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            info = error_details_pb2.ErrorInfo.FromString(detail.value)
            reason = info.reason
        elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            violations = error_details_pb2.BadRequest.FromString(detail.value).field_violations
            field = violations[0].field if violations else None
        elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            delay = error_details_pb2.RetryInfo.FromString(detail.value).retry_delay
            retry_after = max(1, math.ceil(delay.seconds + delay.nanos / 1e9))
    return ApiError(
        row.status,
        (error.details() if reason else None) or row.message,
        code=reason or row.code,
        field=field or None,
        retry_after_seconds=retry_after or row.retry_after_seconds,
    )


def _details(error: grpc.aio.AioRpcError) -> list[any_pb2.Any]:
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY:
            return list(status_pb2.Status.FromString(value).details)
    return []
