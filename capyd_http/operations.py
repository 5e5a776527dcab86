"""One REST operation: an HTTP request in, one call to the daemon, an HTTP answer out."""

from aiohttp import web

from capyd_http.answers import json_answer
from capyd_http.backend import Backend, metadata
from capyd_http.bodies import read_body
from capyd_http.client_address import client_address
from capyd_http.config import HttpSettings
from capyd_http.errors import ApiError
from capyd_http.router import Handler, Visit
from capyd_http.tokens import read_token
from capyd_http.transcode.invalid import InvalidRequestError
from capyd_http.transcode.methods import HttpMethod
from capyd_http.transcode.transcoder import Transcoder


def operation(method: HttpMethod, backend: Backend, settings: HttpSettings) -> Handler:
    """The handler of a method. Nothing is decided here about who may: the token goes on to the daemon.

    Raises:
        TypeError: a field of the method's messages has no REST form.
    """
    transcoder = Transcoder(method)
    call = backend.call(method)

    async def handle(visit: Visit) -> web.Response:
        token = None if method.public else read_token(visit.request.headers)
        address = client_address(visit.request, settings.trusted_proxies)
        entries = metadata(request_id=visit.request_id, address=address, token=token)
        try:
            body = await read_body(
                visit.request, max_bytes=settings.max_body_bytes, within_seconds=settings.deadline_seconds
            )
            request = transcoder.read_request(
                path_values=visit.path_values,
                query=visit.request.rel_url.raw_query_string,
                body=body,
                idempotency_key=visit.request.headers.get("Idempotency-Key"),
            )
        except (InvalidRequestError, ApiError) as error:
            # A stranger is told that it is one, before anything about the request: the daemon would have said so.
            if token is not None:
                await backend.check_token(entries)
            if isinstance(error, ApiError):
                raise
            raise ApiError(400, error.message, code="invalid_argument", field=error.field) from error
        response = await call(request, entries)
        return json_answer(method.success_status, transcoder.write_response(response), request_id=visit.request_id)

    return handle
