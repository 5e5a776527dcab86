"""aiohttp's low-level server, taught that what is not even HTTP is answered in JSON too."""

import asyncio
from functools import partial
from typing import Any

from aiohttp import web

from capyd.runtime.logs import get_logger
from capyd_http.answers import error_answer
from capyd_http.errors import ApiError, internal_error
from capyd_http.front import Front
from capyd_http.request_ids import new_request_id

logger = get_logger(__name__)

_OPTIONS: dict[str, Any] = {
    "access_log": None,  # the front writes a line a request
    "lingering_time": 2.0,  # for the rest of a body that was refused; then the connection goes
    "auto_decompress": False,  # a Content-Encoding is refused, and no bomb is ever unpacked
}


class JsonServer(web.Server):
    """A server whose connections answer malformed requests in the gateway's error form."""

    def __init__(self, front: Front, *, max_body_bytes: int) -> None:
        """Call it inside the running loop."""
        super().__init__(front, request_factory=partial(_request, max_body_bytes=max_body_bytes))
        self._connection = partial(_JsonConnection, self, loop=asyncio.get_running_loop(), **_OPTIONS)

    def __call__(self) -> web.RequestHandler:
        """The protocol of one new connection."""
        return self._connection()


class _JsonConnection(web.RequestHandler):
    __slots__ = ()

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
        answer.force_close()
        return answer


def _request(
    message: Any, payload: Any, protocol: Any, writer: Any, task: Any, *, max_body_bytes: int
) -> web.BaseRequest:
    return web.BaseRequest(
        message, payload, protocol, writer, task, asyncio.get_running_loop(), client_max_size=max_body_bytes
    )
