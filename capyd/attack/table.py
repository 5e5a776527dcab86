"""Outcomes as rows for people: doors through which the same happened share one."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from capyd.attack.attempt import Outcome

_LONGEST = 60


@dataclass(frozen=True, slots=True)
class TableRow:
    """One line of the table."""

    name: str
    category: str
    doors: str
    expected: str
    happened: str
    verdict: str


def table_rows(outcomes: Iterable[Outcome]) -> list[TableRow]:
    """A row an attempt, or two where its doors differ."""
    rows: list[TableRow] = []
    for outcome in outcomes:
        row = TableRow(
            outcome.attempt.name,
            outcome.category,
            str(outcome.door),
            _cut(str(outcome.attempt.expected(outcome.door))),
            _cut(str(outcome.observed)),
            str(outcome.verdict),
        )
        if rows and replace(rows[-1], doors=row.doors) == row:
            rows[-1] = replace(row, doors=f"{rows[-1].doors}, {row.doors}")
        else:
            rows.append(row)
    return rows


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
