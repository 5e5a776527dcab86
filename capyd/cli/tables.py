"""Tables for people, JSON for programs."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import click
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDTH_OF_A_FILE = 240
_LONG_SENTENCE = 120
_LONG = (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64)

Row = TypeVar("Row")


def print_table(
    rows: Iterable[Row], columns: Sequence[tuple[str, Callable[[Row], str]]], *, headed: bool = True
) -> None:
    """One line a row; nothing in a value is taken for markup. The first column, the id, is never cut or folded."""
    table = Table(box=None, pad_edge=False, header_style="bold", show_header=headed)
    for place, (heading, _) in enumerate(columns):
        table.add_column(heading, overflow="fold", no_wrap=place == 0)
    for row in rows:
        table.add_row(*(Text(render(row)) for _, render in columns))
    console = Console()
    if not console.is_terminal:
        console.width = _WIDTH_OF_A_FILE
    console.print(table)


def print_json(message: Message) -> None:
    """The message as JSON."""
    click.echo(json.dumps(message_values(message), indent=2, ensure_ascii=False))


def print_json_line(message: Message, **values: object) -> None:
    """The message as one line of JSON; `values` stand in place of its own."""
    click.echo(json.dumps({**message_values(message), **values}, ensure_ascii=False))


def message_values(message: Message) -> dict[str, Any]:
    """The message as values of JSON. Every integer is a number: protobuf's own mapping has texts for long ones."""
    shown: dict[str, Any] = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    _make_numbers(message, shown)
    return shown


def _make_numbers(message: Message, shown: dict[str, Any]) -> None:
    for field, value in message.ListFields():
        inside = shown[field.name]
        if field.cpp_type in _LONG:
            shown[field.name] = list(value) if isinstance(inside, list) else value
        elif isinstance(value, Message) and isinstance(inside, dict):
            _make_numbers(value, inside)
        elif isinstance(inside, list) and field.message_type is not None:
            for one, shown_one in zip(value, inside, strict=True):
                _make_numbers(one, shown_one)
    for absent in message.DESCRIPTOR.fields:
        if absent.cpp_type in _LONG and shown.get(absent.name) == "0":
            shown[absent.name] = 0


def print_values(values: Mapping[str, object]) -> None:
    """One thing, a line a value; what is empty is left out."""
    shown = {name: str(value) for name, value in values.items() if value not in (None, "", "-")}
    width = max((len(name) for name in shown), default=0)
    for name, text in shown.items():
        first, *more = text.splitlines()
        click.echo(f"{name.ljust(width)}  {first}")
        for line in more:
            click.echo(f"{'':{width}}  {line}")


def shortened(text: str) -> str:
    """At most a hundred and some characters of it."""
    return text if len(text) <= _LONG_SENTENCE else f"{text[: _LONG_SENTENCE - 1].rstrip()}…"


def size(number: int) -> str:
    """`5 GiB`, `12.3 MiB`: bytes, for people."""
    value = float(number)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            return f"{value:.0f} {unit}" if value == int(value) else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError


def moment(stamp: Timestamp) -> str:
    """`2026-11-24 08:30:00Z`, or `-` for none."""
    if not stamp.seconds:
        return "-"
    return stamp.ToDatetime().strftime("%Y-%m-%d %H:%M:%SZ")
