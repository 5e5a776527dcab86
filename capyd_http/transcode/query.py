"""The query of a URL: unknown parameters are ignored, known ones are read strictly."""

from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import parse_qsl

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from capyd_http.transcode.fields import rules
from capyd_http.transcode.invalid import InvalidRequestError
from capyd_http.transcode.values import text_reader

QueryReader = Callable[[str, Message], None]
"""Puts the parameters of a raw query string into a message, or raises InvalidRequestError."""


def compile_query_reader(fields: Collection[FieldDescriptor]) -> QueryReader:
    """A function that reads these fields from a query. Of a repeated parameter the last one counts.

    Raises:
        TypeError: a field is of a type that no single parameter can hold.
    """
    readers = {field.name: text_reader(field) for field in fields}
    required = tuple(field.name for field in fields if rules(field).required)

    def read_query(raw: str, target: Any) -> None:
        if not readers:
            return
        given = {name: text for name, text in _parameters(raw) if name in readers}
        for name, text in given.items():
            setattr(target, name, readers[name](text, name))
        for name in required:
            if name not in given:
                raise InvalidRequestError(f"{name} is required", field=name)

    return read_query


def _parameters(raw: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(raw, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError as error:
        raise InvalidRequestError("the query is not valid UTF-8") from error
