"""One value of a request: is it of the field's type? JSON's types as they are, nothing converted."""

import re
from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.timestamp_pb2 import Timestamp

from capyd_http.transcode.fields import is_timestamp, untranslatable
from capyd_http.transcode.invalid import InvalidRequestError, shown
from capyd_http.transcode.json_text import kind
from capyd_http.transcode.times import parse_time

Reader = Callable[[Any, str], Any]
"""Takes a value and the path of its field; returns what protobuf takes, or raises InvalidRequestError."""

_INTEGER_BITS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
_INTEGER_TEXT = re.compile(r"-?[0-9]{1,20}", re.ASCII)


def value_reader(field: FieldDescriptor) -> Reader:
    """The reader of the field's JSON values (of one element, where it is a list)."""
    if is_timestamp(field):
        return _read_time
    if field.type == FieldDescriptor.TYPE_STRING:
        return read_string
    if field.type == FieldDescriptor.TYPE_BOOL:
        return _read_bool
    if field.cpp_type in _INTEGER_BITS:
        return _integer_reader(*_INTEGER_BITS[field.cpp_type])
    raise untranslatable(field)


def text_reader(field: FieldDescriptor) -> Reader:
    """The reader of the field's values in a path or query, where everything is text."""
    read = value_reader(field)
    if field.is_repeated:
        raise untranslatable(field)
    if field.cpp_type in _INTEGER_BITS:
        return lambda text, path: read(_integer_from_text(text, path), path)
    if field.type == FieldDescriptor.TYPE_BOOL:
        return lambda text, path: read({"true": True, "false": False}.get(text, text), path)
    return read


def read_string(value: Any, path: str) -> str:
    """A text that PostgreSQL, protobuf and a log can all hold."""
    if not isinstance(value, str):
        raise InvalidRequestError(f'"{path}" must be a string, not {kind(value)}', field=path)
    if "\0" in value:
        raise InvalidRequestError(f'"{path}" must not have a NUL character in it', field=path)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        sentence = f'"{path}" must be Unicode text: it has half a surrogate pair in it'
        raise InvalidRequestError(sentence, field=path) from error
    return value


def _read_bool(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidRequestError(f'"{path}" must be true or false, not {kind(value)}', field=path)
    return value


def _integer_reader(lowest: int, highest: int) -> Reader:
    def read(value: Any, path: str) -> int:
        # bool is an int to Python, and to nobody else.
        if isinstance(value, bool) or not isinstance(value, int):
            what = "one with a fraction or exponent" if isinstance(value, float) else kind(value)
            raise InvalidRequestError(f'"{path}" must be an integer, not {what}', field=path)
        if not lowest <= value <= highest:
            raise InvalidRequestError(f'"{path}" must be between {lowest} and {highest}', field=path)
        return value

    return read


def _read_time(value: Any, path: str) -> Timestamp:
    if not isinstance(value, str):
        raise InvalidRequestError(f'"{path}" must be a string, not {kind(value)}', field=path)
    try:
        return parse_time(value)
    except ValueError as error:
        sentence = f'"{path}" must be a time in RFC 3339, such as 2027-01-31T12:00:00Z'
        raise InvalidRequestError(sentence, field=path) from error


def _integer_from_text(text: str, path: str) -> int:
    if not _INTEGER_TEXT.fullmatch(text):
        raise InvalidRequestError(f'"{path}" must be an integer, not {shown(text) or "nothing"}', field=path)
    return int(text)
