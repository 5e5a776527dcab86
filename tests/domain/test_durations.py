from datetime import timedelta

import pytest

from capyd.domain.durations import format_duration, parse_duration
from capyd.domain.errors import InvalidError


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("30s", timedelta(seconds=30)),
        ("250ms", timedelta(milliseconds=250)),
        ("2m", timedelta(minutes=2)),
        ("2min", timedelta(minutes=2)),
        ("1h", timedelta(hours=1)),
    ],
)
def test_a_duration_is_a_number_with_a_unit(text: str, span: timedelta) -> None:
    assert parse_duration(text) == span


@pytest.mark.parametrize("text", ["", "30", "s", "-1s", "1.5s", "1 s", "1d", "９s", "9999999999s", "1s; DROP"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(InvalidError) as refused:
        parse_duration(text, field="statement_timeout")
    assert refused.value.field == "statement_timeout"


def test_durations_are_shown_as_the_api_shows_them() -> None:
    assert format_duration(timedelta(seconds=90)) == "90s"
    assert format_duration(timedelta(minutes=5)) == "300s"
    assert format_duration(timedelta(milliseconds=1500)) == "1500ms"
