"""One method's way in and out: HTTP's parts to the request message, the response message to JSON."""

import re
from collections.abc import Sequence
from typing import Any, cast

import orjson
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from capyd_http.transcode.decode import compile_decoder
from capyd_http.transcode.encode import compile_encoder
from capyd_http.transcode.fields import rest_fields
from capyd_http.transcode.invalid import InvalidRequestError
from capyd_http.transcode.json_text import parse_object
from capyd_http.transcode.methods import HttpMethod
from capyd_http.transcode.query import compile_query_reader
from capyd_http.transcode.values import text_reader

_IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")


class Transcoder:
    """Translates one method. Everything that its descriptors say is read here, once."""

    def __init__(self, method: HttpMethod) -> None:
        """Raises TypeError when a field has no REST form."""
        by_name = method.request.fields_by_name
        others = [field for field in rest_fields(method.request) if field.name not in method.path_fields]
        self._new_request = GetMessageClass(method.request)
        self._path = tuple((name, text_reader(by_name[name])) for name in method.path_fields)
        # A method without a body rule may still be sent `{}`, as clients do that send JSON always.
        self._decode = compile_decoder(others if method.takes_body else ())
        self._read_query = compile_query_reader(() if method.takes_body else others)
        self._takes_key = method.takes_idempotency_key
        self._encode = compile_encoder(method.response)

    def read_request(
        self, *, path_values: Sequence[str], query: str, body: bytes, idempotency_key: str | None
    ) -> Message:
        """The request message.

        `path_values` are decoded and in the template's order; `query` is raw; an empty body counts as `{}`; the
        key is the header's value, None where there is none, and nothing to a method that only reads.

        Raises:
            InvalidRequestError: it is none, and why.
        """
        request: Any = self._new_request()
        for (name, read), text in zip(self._path, path_values, strict=True):
            setattr(request, name, read(text, name))
        self._read_query(query, request)
        self._decode(parse_object(body), request)
        if idempotency_key is not None and self._takes_key:
            request.request_id = _checked_key(idempotency_key)
        return cast(Message, request)

    def write_response(self, response: Message) -> bytes:
        """The JSON text of a response message."""
        return orjson.dumps(self._encode(response))


def _checked_key(key: str) -> str:
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        raise InvalidRequestError("Idempotency-Key must be 1 to 255 visible ASCII characters", field="Idempotency-Key")
    return key
