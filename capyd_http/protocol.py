"""aiohttp's low-level server, taught that what is not even HTTP is answered in JSON too."""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiohttp import hdrs, web

from capyd.runtime.logs import get_logger
from capyd_http.answers import error_answer, secure
from capyd_http.caps import ConnectionCaps
from capyd_http.errors import ApiError, internal_error
from capyd_http.front import Front
from capyd_http.request_ids import new_request_id

logger = get_logger(__name__)

_OPTIONS: dict[str, Any] = {
    "access_log": None,  # the front writes a line a request
    "lingering_time": 2.0,  # for the rest of a body that was refused; then the connection goes
    "auto_decompress": False,  # a Content-Encoding is refused, and no bomb is ever unpacked
}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a connection may keep us waiting, in seconds."""

    header: float
    """From its first byte to the end of a request's headers."""
    keepalive: float
    """Idle, between two requests."""
    write: float
    """For an answer to be taken."""


class JsonServer(web.Server):
    """A server whose connections answer malformed requests in the gateway's error form, and end slow ones."""

    def __init__(self, front: Front, *, max_body_bytes: int, caps: ConnectionCaps, patience: Patience) -> None:
        """Call it inside the running loop."""
        super().__init__(front, request_factory=partial(_request, max_body_bytes=max_body_bytes))
        options = {**_OPTIONS, "keepalive_timeout": patience.keepalive}
        loop = asyncio.get_running_loop()
        self._connection = partial(_JsonConnection, self, caps=caps, patience=patience, loop=loop, **options)

    def __call__(self) -> web.RequestHandler:
        """The protocol of one new connection."""
        return self._connection()


class _JsonConnection(web.RequestHandler):
    __slots__ = ("_caps", "_header_timer", "_patience", "_source")

    def __init__(self, server: web.Server, *, caps: ConnectionCaps, patience: Patience, **options: Any) -> None:
        super().__init__(server, **options)
        self._caps = caps
        self._patience = patience
        self._source: str | None = None
        """Counted in under this name; None: refused, and on its way out."""
        self._header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, unless there are too many."""
        peer = transport.get_extra_info("peername")
        try:
            self._source = self._caps.enter(peer[0] if isinstance(peer, tuple) else None)
        except ApiError as error:
            _hang_up(transport, error)
            return
        super().connection_made(transport)
        self._limit_header()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget it."""
        self._end_header_timer()
        if self._source is None:
            return
        self._caps.leave(self._source)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of a request: its headers have to be whole in time, whatever trickles in."""
        if self._source is None:
            return
        super().data_received(data)
        if self._messages or self._request_in_progress:
            self._end_header_timer()
        elif self._header_timer is None:
            self._limit_header()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the answer, for as long as its reader may take."""
        try:
            async with asyncio.timeout(self._patience.write):
                return await super().finish_response(request, resp, start_time)
        except TimeoutError:
            logger.info("request.answer_not_taken", status=resp.status)
            if self.transport is not None:
                self.transport.abort()
            return resp, True

    def _limit_header(self) -> None:
        self._header_timer = self._loop.call_later(self._patience.header, self._end_slow_header)

    def _end_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _end_slow_header(self) -> None:
        self._header_timer = None
        if self._messages or self._request_in_progress or self.transport is None:
            return
        logger.debug("request.slow_header")
        if self._request_count == 0:
            _hang_up(self.transport, ApiError(408, "the request did not arrive in time", code="request_timeout"))
        self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002
    ) -> web.StreamResponse:
        """Answer what never reached the front. aiohttp's own words (`message`) quote the request: not repeated."""
        request_id = new_request_id()
        if status == 500:
            logger.error("connection.failed", request_id=request_id, exc_info=exc)
            error = internal_error()
        else:
            logger.info("request.malformed", status=status, reason=type(exc).__name__, request_id=request_id)
            sentence = "this is not an HTTP/1.1 request, or its first line or a header is malformed or too long"
            error = ApiError(status, sentence, code="malformed_http")
        # Part of an answer is out already: nothing that follows could be read as one.
        if request.writer.output_size > 0:
            raise ConnectionError("the answer had begun")
        answer = error_answer(error, request_id=request_id)
        secure(answer, is_https=request.secure)
        answer.force_close()
        return answer


def _hang_up(transport: asyncio.BaseTransport, error: ApiError) -> None:
    """Say why in an answer of one's own making, as there is no request that it would be the answer to."""
    if not isinstance(transport, asyncio.Transport):
        transport.close()
        return
    answer = error_answer(error, request_id=new_request_id())
    body = answer.body if isinstance(answer.body, bytes) else b""
    lines = [
        f"HTTP/1.1 {answer.status} {answer.reason}",
        *(f"{name}: {value}" for name, value in answer.headers.items() if name != hdrs.CONTENT_LENGTH),
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    transport.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    transport.close()


def _request(
    message: Any, payload: Any, protocol: Any, writer: Any, task: Any, *, max_body_bytes: int
) -> web.BaseRequest:
    return web.BaseRequest(
        message, payload, protocol, writer, task, asyncio.get_running_loop(), client_max_size=max_body_bytes
    )
