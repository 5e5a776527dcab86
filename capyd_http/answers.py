"""The form of every answer: JSON, with the same headers around it."""

import orjson
from aiohttp import hdrs, web

from capyd_http.errors import ApiError

_HEADERS: dict[str, str] = {
    hdrs.CONTENT_TYPE: "application/json",
    # Not aiohttp's own, which tells the versions of everything.
    hdrs.SERVER: "capyd",
    hdrs.CACHE_CONTROL: "no-store",
    hdrs.X_CONTENT_TYPE_OPTIONS: "nosniff",
    # It is nobody's page: nothing in it is to be run, fetched or framed.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
REQUEST_ID_HEADER = "X-Request-Id"


def json_answer(status: int, body: bytes, *, request_id: str) -> web.Response:
    """An answer of `body`, which is JSON text already."""
    return web.Response(status=status, body=body, headers={**_HEADERS, REQUEST_ID_HEADER: request_id})


def secure(answer: web.StreamResponse, *, is_https: bool) -> None:
    """Have browsers that were once here over HTTPS never come without it again."""
    if is_https:
        answer.headers["Strict-Transport-Security"] = "max-age=31536000"


def error_answer(error: ApiError, *, request_id: str) -> web.Response:
    """`{"error": sentence, "code": word, "field"?: path, "request_id": id}`, and the headers its status asks for."""
    body = {"error": error.message, "code": error.code, "request_id": request_id}
    if error.field is not None:
        body["field"] = error.field
    answer = json_answer(error.status, orjson.dumps(body), request_id=request_id)
    if error.status == 401:
        answer.headers[hdrs.WWW_AUTHENTICATE] = "Bearer"
    if error.retry_after_seconds is not None:
        answer.headers[hdrs.RETRY_AFTER] = str(error.retry_after_seconds)
    if error.allow is not None:
        answer.headers[hdrs.ALLOW] = error.allow
    return answer
