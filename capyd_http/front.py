"""Where every request comes in and every answer goes out: its id, its log line, and errors as JSON."""

import time
from typing import Final

from aiohttp import web

from capyd.runtime.logs import get_logger
from capyd.runtime.observation import observed
from capyd.runtime.tracing import tracing
from capyd_http.answers import error_answer, secure
from capyd_http.errors import ApiError, internal_error
from capyd_http.request_ids import request_id
from capyd_http.router import Found, Router, Visit
from capyd_http.transcode.invalid import shown

logger = get_logger(__name__)

_VERBS: Final = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})
_LOOKS: Final = ("/healthz", "/readyz")


class Front:
    """The handler of aiohttp's low-level server."""

    def __init__(self, router: Router) -> None:
        self._router = router

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        """Answer a request. What goes wrong on the way is an answer too."""
        started = time.perf_counter()
        id_ = request_id(request.headers)
        found = self._router.find(request.rel_url.raw_path)
        template = found[0].template if found else None
        # The template and not the path, whose values and query are the caller's business.
        name = f"{_known_verb(request.method)} {template or '-'}"
        with tracing.span(name, kind="server", parent=request.headers, request_id=id_):
            try:
                answer = await _visit(request, id_, found)
            except ApiError as error:
                answer = error_answer(error, request_id=id_)
            except ConnectionError:
                logger.info("request.abandoned", method=request.method, route=template, request_id=id_)
                raise
            except Exception:
                logger.exception("request.failed", method=request.method, route=template, request_id=id_)
                answer = error_answer(internal_error(), request_id=id_)
            tracing.annotate("http.response.status_code", answer.status)
        secure(answer, is_https=request.secure)
        seconds = time.perf_counter() - started
        if observed.request is not None:
            observed.request(name, str(answer.status), seconds)
        # Those who ask again and again whether it is alive would fill a log by themselves.
        log = logger.debug if template in _LOOKS else logger.info
        log(
            "request",
            method=request.method,
            route=template,
            status=answer.status,
            milliseconds=round(seconds * 1000, 1),
            request_id=id_,
        )
        return answer


def _known_verb(verb: str) -> str:
    """One of few words: a caller may send any, and each would be a series of its own."""
    return verb if verb in _VERBS else "OTHER"


async def _visit(request: web.BaseRequest, request_id: str, found: Found | None) -> web.Response:
    if found is None:
        path = shown(request.rel_url.raw_path) or "such path"  # CONNECT names none
        raise ApiError(404, f"there is no {path} here: see /v1/openapi.json", code="no_such_path")
    route, values = found
    return await route.handler(request.method)(Visit(request, request_id, values))
