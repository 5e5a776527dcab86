"""What a failed call comes to, without anything of gRPC in it."""

import contextlib
from collections.abc import Iterator

import grpc

# Present when the refusal is the daemon's own, and not the channel's.
_DETAILS = "grpc-status-details-bin"


class CallError(Exception):
    """The daemon refused the call, or could not be reached. Its text is for a person."""

    def __init__(self, text: str, code: str = "UNAVAILABLE") -> None:
        """`code`: gRPC's, by name."""
        super().__init__(text)
        self.code = code


class NoAnswerError(CallError):
    """Nobody answers there."""


@contextlib.contextmanager
def call_failures(target: str) -> Iterator[None]:
    """Turn what calls to the daemon at `target` raise into `CallError`."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        if _DETAILS in dict(error.trailing_metadata() or ()):
            raise CallError(error.details() or error.code().name, error.code().name) from error
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            raise NoAnswerError(
                f"no daemon answers at {target}: is it running, and may you open its socket?"
            ) from error
        raise CallError(
            f"the daemon at {target} did not answer as it should: {error.code().name}", error.code().name
        ) from error
