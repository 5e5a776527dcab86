"""What a failed call comes to, without anything of gRPC in it."""

import contextlib
from collections.abc import Iterator

import grpc


class CallError(Exception):
    """The daemon refused the call, or could not be reached. Its text is for a person."""


@contextlib.contextmanager
def call_failures(target: str) -> Iterator[None]:
    """Turn what calls to the daemon at `target` raise into `CallError`."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.UNAVAILABLE and error.trailing_metadata() is None:
            raise CallError(f"no daemon answers at {target}") from error
        if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
            raise CallError(f"the daemon at {target} does not answer: {error.details()}") from error
        raise CallError(error.details() or error.code().name) from error
