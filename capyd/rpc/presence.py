"""Reads optional fields: None where the client sent nothing."""

from datetime import UTC, datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from capyd.domain.errors import InvalidError


def text_or_none(request: Message, field: str) -> str | None:
    """The text, or None when the field was not sent."""
    return str(getattr(request, field)) if request.HasField(field) else None


def int_or_none(request: Message, field: str) -> int | None:
    """The number, or None when the field was not sent."""
    return int(getattr(request, field)) if request.HasField(field) else None


def bool_or_none(request: Message, field: str) -> bool | None:
    """The truth value, or None when the field was not sent."""
    return bool(getattr(request, field)) if request.HasField(field) else None


def moment_or_none(request: Message, field: str) -> datetime | None:
    """The moment, or None when the field was not sent.

    Raises:
        InvalidError: outside the years 1 to 9999.
    """
    if not request.HasField(field):
        return None
    stamp: Timestamp = getattr(request, field)
    try:
        return stamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidError(f"{field} is not a moment in the years 1 to 9999", field=field) from error
