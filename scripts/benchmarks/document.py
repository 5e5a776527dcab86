"""Puts numbers into `docs/benchmarks.md`, between the markers of their benchmark; the rest is written by people."""

import re
from pathlib import Path

from benchmarks.benchmark import BenchmarkError

DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def replace_section(text: str, name: str, section: str) -> str:
    """`text` with another section of the benchmark `name`.

    Raises:
        BenchmarkError: it has no markers for one.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    replaced, count = pattern.subn(lambda _: f"{begin}\n{section}\n{end}", text)
    if count != 1:
        raise BenchmarkError(f"{DOCUMENT.name} must have the lines {begin} and {end}, once each")
    return replaced
