"""Calls to the daemon: their deadline, their metadata, and the pages of a list put together."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import grpc
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from capyd.client.bearer import bearer
from capyd.runtime.tracing import tracing
from capyd.v1 import organizations_pb2, organizations_pb2_grpc
from capyd_http.errors import from_rpc
from capyd_http.transcode.methods import HttpMethod

Metadata = tuple[tuple[str, str], ...]
Call = Callable[[Any, Metadata], Awaitable[Message]]
"""Takes the request message and metadata; returns the response, or raises ApiError."""

PAGE_SIZE = 500


def metadata(*, request_id: str, address: str | None, token: str | None) -> Metadata:
    """What a call carries beside its message: its id, for whom the gateway calls, and that one's token."""
    entries: Metadata = (("x-request-id", request_id), *tracing.carry().items())
    if address is not None:
        entries = (*entries, ("x-capyd-client-address", address))
    return entries if token is None else (*entries, bearer(token))


class Backend:
    """The daemon, as the gateway sees it: a function for each method."""

    def __init__(self, channel: grpc.aio.Channel, *, deadline_seconds: float) -> None:
        self._channel = channel
        self._deadline_seconds = deadline_seconds
        self._who_am_i = organizations_pb2_grpc.OrganizationServiceStub(channel).GetMe

    def call(self, method: HttpMethod) -> Call:
        """The method as a function. A paged one returns its whole list in one message."""
        invoke = self._channel.unary_unary(
            method.rpc_path,
            request_serializer=GetMessageClass(method.request).SerializeToString,
            response_deserializer=GetMessageClass(method.response).FromString,
        )

        async def call_once(request: Any, entries: Metadata, timeout: float) -> Any:
            try:
                return await invoke(request, metadata=entries, timeout=timeout)
            except grpc.aio.AioRpcError as error:
                raise from_rpc(error) from error

        async def call_whole(request: Any, entries: Metadata) -> Message:
            return cast(Message, await call_once(request, entries, self._deadline_seconds))

        async def call_paged(request: Any, entries: Metadata) -> Message:
            # One deadline for all pages: the caller waits for the whole list.
            loop = asyncio.get_running_loop()
            end = loop.time() + self._deadline_seconds
            request.page_size = PAGE_SIZE
            whole = page = await call_once(request, entries, self._deadline_seconds)
            while page.next_page_token:
                request.page_token = page.next_page_token
                page = await call_once(request, entries, max(0.0, end - loop.time()))
                whole.MergeFrom(page)  # appends what is repeated
            return cast(Message, whole)

        return call_paged if method.is_paged else call_whole

    async def check_token(self, entries: Metadata) -> None:
        """Ask the daemon whether it knows the caller at all.

        Raises:
            ApiError: it does not, or it could not be asked.
        """
        try:
            await self._who_am_i(organizations_pb2.GetMeRequest(), metadata=entries, timeout=self._deadline_seconds)
        except grpc.aio.AioRpcError as error:
            raise from_rpc(error) from error
