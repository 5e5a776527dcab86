"""The one table from the domain's refusals to gRPC statuses, with `google.rpc` details."""

from typing import Final

import grpc
from google.protobuf import any_pb2, message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from capyd.domain.errors import (
    CapydError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    OutOfRangeError,
    TakenError,
    TooManyRequestsError,
    UnauthenticatedError,
    UnavailableError,
)

ERROR_DOMAIN: Final = "capyd"

# The first class that fits: the narrower ones stand before those they derive from.
_CODES: Final = (
    (OutOfRangeError, code_pb2.OUT_OF_RANGE),
    (InvalidError, code_pb2.INVALID_ARGUMENT),
    (UnauthenticatedError, code_pb2.UNAUTHENTICATED),
    (ForbiddenError, code_pb2.PERMISSION_DENIED),
    (NotFoundError, code_pb2.NOT_FOUND),
    (TakenError, code_pb2.ALREADY_EXISTS),
    (ConflictError, code_pb2.FAILED_PRECONDITION),
    (TooManyRequestsError, code_pb2.RESOURCE_EXHAUSTED),
    (UnavailableError, code_pb2.UNAVAILABLE),
)


def to_status(error: CapydError) -> status_pb2.Status:
    """The refusal as a `google.rpc.Status`: ErrorInfo always, BadRequest and RetryInfo where they say something."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), code_pb2.INTERNAL)
    details: list[message.Message] = [
        error_details_pb2.ErrorInfo(reason=error.code, domain=ERROR_DOMAIN, metadata=error.facts)
    ]
    if error.field is not None:
        violation = error_details_pb2.BadRequest.FieldViolation(field=error.field, description=error.message)
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if isinstance(error, UnavailableError | TooManyRequestsError):
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.seconds = error.retry_after_seconds
        details.append(retry)
    return status_pb2.Status(code=code, message=error.message, details=[_packed(detail) for detail in details])


def internal_status() -> status_pb2.Status:
    """What a defect of ours looks like from outside: nothing of its inside."""
    return to_status(CapydError("something went wrong inside capyd; its log has the details under this request's id"))


def grpc_code(status: status_pb2.Status) -> grpc.StatusCode:
    """The status's code as grpc's enumeration has it."""
    return next(code for code in grpc.StatusCode if code.value[0] == status.code)


def _packed(detail: message.Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed
