"""A bearer token on every call of a channel."""

from collections.abc import Callable, Sequence
from typing import Any

import grpc
from grpc.aio import ClientCallDetails, Metadata


def bearer(token: str) -> tuple[str, str]:
    """The metadata entry that a daemon reads the caller's token from."""
    return ("authorization", f"Bearer {token}")


def bearer_interceptors(token: str) -> Sequence[grpc.aio.ClientInterceptor]:
    """Interceptors that send `token`. Call credentials would be gRPC's own way, and refuse a Unix socket."""
    return (_UnaryBearer(token), _StreamBearer(token))


class _Bearer:
    def __init__(self, token: str) -> None:
        self._entry = bearer(token)

    def _with_token(self, details: ClientCallDetails) -> ClientCallDetails:
        return ClientCallDetails(
            method=details.method,
            timeout=details.timeout,
            metadata=Metadata(*(details.metadata or ()), self._entry),
            credentials=details.credentials,
            wait_for_ready=details.wait_for_ready,
        )


class _UnaryBearer(_Bearer, grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(
        self, continuation: Callable[..., Any], client_call_details: ClientCallDetails, request: Any
    ) -> Any:
        return await continuation(self._with_token(client_call_details), request)


class _StreamBearer(_Bearer, grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(
        self, continuation: Callable[..., Any], client_call_details: ClientCallDetails, request: Any
    ) -> Any:
        return await continuation(self._with_token(client_call_details), request)
