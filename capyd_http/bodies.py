"""A request's body, as far as HTTP goes: its type, its size, and the time it may take to arrive."""

import asyncio

from aiohttp import hdrs, web

from capyd_http.errors import ApiError


async def read_body(request: web.BaseRequest, *, max_bytes: int, within_seconds: float) -> bytes:
    """The bytes of a body that says it is JSON in UTF-8, or that does not say what it is.

    The request itself was made with `max_bytes` as its limit: a chunked body tells its size only as it comes.

    Raises:
        ApiError: 413 too large; 415 another type, charset or encoding; 408 not there in time; 400 broken off.
    """
    if not request.body_exists:
        return b""
    if (request.content_length or 0) > max_bytes:
        raise _too_large(max_bytes)
    if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # These bytes are not part of the answer, which has yet to begin.
        request.writer.output_size = 0
    try:
        async with asyncio.timeout(within_seconds):
            body = await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise _too_large(max_bytes) from error
    except web.RequestPayloadError as error:
        raise ApiError(400, "the body breaks off, or its chunks are not HTTP's", code="malformed_http") from error
    except TimeoutError as error:
        raise ApiError(408, "the body did not arrive in time", code="request_timeout") from error
    if body:
        _check_type(request)
    return body


def _check_type(request: web.BaseRequest) -> None:
    encoding = request.headers.get(hdrs.CONTENT_ENCODING, "identity")
    if encoding.lower() != "identity":
        raise _unsupported("the body must come without a Content-Encoding")
    if hdrs.CONTENT_TYPE not in request.headers:
        return
    media_type = request.content_type
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise _unsupported("the Content-Type of a body must be application/json")
    if (request.charset or "utf-8").lower() not in {"utf-8", "utf8"}:
        raise _unsupported("the charset of a body must be utf-8")


def _too_large(max_bytes: int) -> ApiError:
    return ApiError(413, f"the body is larger than {max_bytes} bytes", code="body_too_large")


def _unsupported(message: str) -> ApiError:
    return ApiError(415, message, code="unsupported_media_type")
