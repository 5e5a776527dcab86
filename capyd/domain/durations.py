"""Durations as people write them: `30s`, `5m`, `250ms`, `1h`."""

import re
from datetime import timedelta

from capyd.domain.errors import InvalidError

_FORM = re.compile(r"([0-9]{1,9})(ms|s|m|min|h)")
_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
}


def parse_duration(text: str, *, field: str | None = None) -> timedelta:
    """The duration that `text` says.

    Raises:
        InvalidError: it is not a whole number with a unit, such as `30s`.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise InvalidError(
            f"{field or 'a duration'} must be a whole number with a unit (ms, s, m or h), such as 30s", field=field
        )
    return int(found[1]) * _UNITS[found[2]]


def format_duration(span: timedelta) -> str:
    """The shortest exact text: `90s`, `250ms`. Whole minutes stay in seconds, as the API shows them."""
    milliseconds = span // timedelta(milliseconds=1)
    return f"{milliseconds}ms" if milliseconds % 1000 else f"{milliseconds // 1000}s"
