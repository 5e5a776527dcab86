"""Timestamps as RFC 3339 text."""

import re
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  (UTC throughout; naive, as isoformat() then writes no offset)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def render_time(moment: Timestamp) -> str:
    """The moment in UTC with `Z`: `2026-11-24T09:30:00Z`, with six decimals only where there is a fraction."""
    return (_EPOCH + timedelta(seconds=moment.seconds, microseconds=moment.nanos // 1000)).isoformat() + "Z"


def parse_time(text: str) -> Timestamp:
    """The moment that `text` names, to the microsecond.

    Raises:
        ValueError: not RFC 3339 with an offset, or no moment of the calendar in years 1 to 9999.
    """
    if not _RFC3339.fullmatch(text):
        raise ValueError("not RFC 3339")
    moment = Timestamp()
    try:
        moment.FromDatetime(datetime.fromisoformat(text.upper()).astimezone(UTC))
    except OverflowError as error:
        raise ValueError("outside the years 1 to 9999") from error
    return moment
