"""JSON values to protobuf: one decoder compiled for each method's body, once. Strict: what is not known is refused."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from capyd_http.transcode.fields import is_timestamp, rules
from capyd_http.transcode.invalid import InvalidRequestError, shown
from capyd_http.transcode.json_text import kind
from capyd_http.transcode.values import value_reader

Decoder = Callable[[Mapping[str, Any], Message], None]
"""Puts the values of a JSON object into a message, or raises InvalidRequestError."""

_Setter = Callable[[Any, Any], None]


def compile_decoder(fields: Collection[FieldDescriptor]) -> Decoder:
    """A function that reads a JSON object which may have these fields and no other.

    Raises:
        TypeError: a field is of a type without a JSON form here.
    """
    setters = {field.name: _setter(field) for field in fields}
    required = tuple(field.name for field in fields if rules(field).required)

    def decode(values: Mapping[str, Any], target: Message) -> None:
        for name, value in values.items():
            setter = setters.get(name)
            if setter is None:
                raise InvalidRequestError(_unknown(name, setters), field=shown(name))
            setter(target, value)
        for name in required:
            if name not in values:
                raise InvalidRequestError(f"{name} is required", field=name)

    return decode


def _unknown(name: str, known: Collection[str]) -> str:
    if not known:
        return f'there is no field "{shown(name)}" here: the body has none'
    return f'there is no field "{shown(name)}" here: the body may have {", ".join(known)}'


def _setter(field: FieldDescriptor) -> _Setter:
    name = field.name

    def ignore(target: Any, value: Any) -> None:
        """Accepted, whatever it is, and not read."""

    if rules(field).ignored:
        return ignore
    read = value_reader(field)

    def set_value(target: Any, value: Any) -> None:
        setattr(target, name, read(value, name))

    def copy_value(target: Any, value: Any) -> None:
        getattr(target, name).CopyFrom(read(value, name))

    def extend_list(target: Any, value: Any) -> None:
        if not isinstance(value, list):
            raise InvalidRequestError(f'"{name}" must be an array, not {kind(value)}', field=name)
        getattr(target, name).extend(read(one, f"{name}[{place}]") for place, one in enumerate(value))

    if field.is_repeated:
        return extend_list
    return copy_value if is_timestamp(field) else set_value
