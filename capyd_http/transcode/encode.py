"""Protobuf to JSON values: one encoder compiled for each message type, once.

Protobuf's own JSON mapping is not the contract's: it prints 64-bit integers as strings. Here presence in the
proto is presence in the JSON. A field with presence that is unset is left out (or null, where the proto says
so); every other field is always there, zero and `[]` included.
"""

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from capyd_http.transcode.fields import is_text_map, is_timestamp, rest_fields, rules, untranslatable
from capyd_http.transcode.times import render_time

Encoder = Callable[[Message], dict[str, Any]]
_Writer = Callable[[Any, dict[str, Any]], None]

_PLAIN_TYPES = frozenset(
    {
        FieldDescriptor.CPPTYPE_STRING,
        FieldDescriptor.CPPTYPE_BOOL,
        FieldDescriptor.CPPTYPE_INT32,
        FieldDescriptor.CPPTYPE_INT64,
        FieldDescriptor.CPPTYPE_UINT32,
        FieldDescriptor.CPPTYPE_UINT64,
    }
)


@cache
def compile_encoder(message: Descriptor) -> Encoder:
    """A function from a message of this type to what orjson prints, in the proto's field order.

    Raises:
        TypeError: a field is of a type without a JSON form here.
    """
    writers = tuple(_writer(field) for field in rest_fields(message))

    def encode(value: Message) -> dict[str, Any]:
        written: dict[str, Any] = {}
        for write in writers:
            write(value, written)
        return written

    return encode


def _writer(field: FieldDescriptor) -> _Writer:
    name, get, convert = field.name, attrgetter(field.name), _converter(field)

    def write_plain(message: Any, out: dict[str, Any]) -> None:
        out[name] = get(message)

    def write_list(message: Any, out: dict[str, Any]) -> None:
        out[name] = list(map(convert, get(message))) if convert else list(get(message))

    def write_map(message: Any, out: dict[str, Any]) -> None:
        out[name] = dict(sorted(get(message).items()))

    def write_present(message: Any, out: dict[str, Any]) -> None:
        if message.HasField(name):
            out[name] = convert(get(message)) if convert else get(message)

    def write_nullable(message: Any, out: dict[str, Any]) -> None:
        out[name] = None
        write_present(message, out)

    if is_text_map(field):
        return write_map
    if field.is_repeated:
        return write_list
    if not field.has_presence:
        return write_plain
    return write_nullable if rules(field).null_when_absent else write_present


def _converter(field: FieldDescriptor) -> Callable[[Any], Any] | None:
    """What turns the field's value into a JSON value; None where it is one already."""
    if is_timestamp(field):
        return render_time
    if is_text_map(field):
        return None
    # Any other map is a repeated message to the descriptors, and something else to everybody.
    if field.message_type is not None and not field.message_type.GetOptions().map_entry:
        return compile_encoder(field.message_type)
    is_text_bytes = field.type == FieldDescriptor.TYPE_BYTES
    if field.cpp_type not in _PLAIN_TYPES or is_text_bytes:
        raise untranslatable(field)
    return None
