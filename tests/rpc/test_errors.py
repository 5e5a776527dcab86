import grpc
import pytest
from google.rpc import error_details_pb2

from capyd.domain import errors
from capyd.rpc.errors import grpc_code, internal_status, to_status

TABLE = {
    errors.InvalidError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.OutOfRangeError: grpc.StatusCode.OUT_OF_RANGE,
    errors.UnauthenticatedError: grpc.StatusCode.UNAUTHENTICATED,
    errors.ForbiddenError: grpc.StatusCode.PERMISSION_DENIED,
    errors.NotFoundError: grpc.StatusCode.NOT_FOUND,
    errors.ConflictError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.TakenError: grpc.StatusCode.ALREADY_EXISTS,
    errors.TooManyRequestsError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.UnavailableError: grpc.StatusCode.UNAVAILABLE,
}


def _details(status, kind):
    found = [detail for detail in status.details if detail.Is(kind.DESCRIPTOR)]
    assert len(found) == 1
    message = kind()
    found[0].Unpack(message)
    return message


def test_every_refusal_has_a_row() -> None:
    def leaves(kind: type) -> set[type]:
        return {kind} | {leaf for child in kind.__subclasses__() for leaf in leaves(child)}

    assert leaves(errors.CapydError) - {errors.CapydError} == set(TABLE)


@pytest.mark.parametrize(("kind", "code"), TABLE.items())
def test_a_refusal_keeps_its_sentence_and_its_code_word(kind, code) -> None:
    status = to_status(kind("a sentence", code="a_word"))
    assert grpc_code(status) is code
    assert status.message == "a sentence"
    assert _details(status, error_details_pb2.ErrorInfo).reason == "a_word"


def test_the_field_at_fault_and_the_time_to_ask_again_are_details() -> None:
    invalid = to_status(errors.InvalidError("no", field="name"))
    assert _details(invalid, error_details_pb2.BadRequest).field_violations[0].field == "name"
    away = to_status(errors.UnavailableError("away", retry_after_seconds=7))
    assert _details(away, error_details_pb2.RetryInfo).retry_delay.seconds == 7
    often = to_status(errors.TooManyRequestsError("too often", retry_after_seconds=3))
    assert _details(often, error_details_pb2.RetryInfo).retry_delay.seconds == 3


def test_a_defect_shows_nothing_of_the_inside() -> None:
    assert grpc_code(internal_status()) is grpc.StatusCode.INTERNAL
    assert _details(internal_status(), error_details_pb2.ErrorInfo).reason == "internal"
