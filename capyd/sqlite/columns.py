"""How values of the domain stand in SQLite's columns: moments as microseconds, spans as milliseconds."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MILLISECOND = timedelta(milliseconds=1)


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The moment, in UTC."""
    return _EPOCH + micros * _MICROSECOND


def to_micros_or_none(moment: datetime | None) -> int | None:
    """Microseconds since 1970, or NULL."""
    return None if moment is None else to_micros(moment)


def from_micros_or_none(micros: int | None) -> datetime | None:
    """The moment, in UTC, or None."""
    return None if micros is None else from_micros(micros)


def to_millis(span: timedelta) -> int:
    """Whole milliseconds."""
    return span // _MILLISECOND


def from_millis(millis: int) -> timedelta:
    """The span."""
    return millis * _MILLISECOND
