"""Tables for people, JSON for programs."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDTH_OF_A_FILE = 240

Row = TypeVar("Row", bound=Message)


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
    """The message as values of JSON, in protobuf's own mapping: 64-bit integers are texts there."""
    shown: dict[str, Any] = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return shown


def moment(stamp: Timestamp) -> str:
    """`2026-11-24 08:30:00Z`, or `-` for none."""
    if not stamp.seconds:
        return "-"
    return stamp.ToDatetime().strftime("%Y-%m-%d %H:%M:%SZ")
