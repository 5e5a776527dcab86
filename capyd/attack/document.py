"""The table of attempts as Markdown: a section of docs/isolation.md that is made of the code, so that it cannot drift.

`python -m capyd.attack.document docs/isolation.md` writes it anew.
"""

import sys
from pathlib import Path

from capyd.attack.attempt import Attempt, Category
from capyd.attack.catalogue import CATALOGUE

_BEGIN = "<!-- begin: made by python -m capyd.attack.document -->"
_END = "<!-- end -->"
_LONGEST = 110


def render_document(text: str) -> str:
    """`text` with the part between its marks made anew.

    Raises:
        ValueError: the marks are not there.
    """
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"the marks {_BEGIN} and {_END} are not there")
    return f"{before}{begin}\n{_render_catalogue()}\n{end}{after}"


def _render_catalogue() -> str:
    return "\n\n".join(_render_category(category) for category in CATALOGUE)


def _render_category(category: Category) -> str:
    lines = [
        f"### {category.name[0].upper()}{category.name[1:]}",
        "",
        f"{category.about[0].upper()}{category.about[1:]}.",
        "",
        "| attempt | tries | through | must be | held by | source |",
        "|---|---|---|---|---|---|",
        *map(_render_attempt, category.attempts),
    ]
    return "\n".join(lines)


def _render_attempt(attempt: Attempt) -> str:
    expected = str(attempt.expects)
    if attempt.expects_pooled is not None:
        expected += f"; pooled: {attempt.expects_pooled}"
    if attempt.unbound is not None:
        expected = f"open: see *{attempt.unbound}*"
    cells = (
        f"`{attempt.name}`",
        f"`{_plain(attempt.tries)}`",
        ", ".join(attempt.doors),
        _plain(expected, longest=200),
        attempt.held_by + (f" (from {attempt.since} on)" if attempt.since else ""),
        attempt.source,
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _plain(text: str, longest: int = _LONGEST) -> str:
    line = " ".join(text.replace("{{", "{").replace("}}", "}").split()).replace("`", "'")
    return line if len(line) <= longest else line[: longest - 1] + "…"


if __name__ == "__main__":
    document = Path(sys.argv[1])
    document.write_text(render_document(document.read_text()))
