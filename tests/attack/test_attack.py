"""Every attempt comes to what is expected of it, on each version and through each door."""

import re
from collections import Counter
from pathlib import Path

from capyd.attack.attempt import Door, Verdict
from capyd.attack.catalogue import CATALOGUE
from capyd.attack.document import render_document
from tests.attack.attacks import battlefield, failed, outcomes
from tests.stack.running import RunningStack

DOCUMENT = Path(__file__).parents[2] / "docs" / "isolation.md"


async def test_every_attempt_is_held_or_documented(stack: RunningStack) -> None:
    async with battlefield(stack) as field:
        found = await outcomes(field, CATALOGUE)
    assert failed(found) == []
    tries = Counter(outcome.door for outcome in found)
    assert tries[Door.DIRECT] > 250
    assert tries[Door.POOLED] > 250
    assert {outcome.verdict for outcome in found} == {Verdict.HELD, Verdict.OPEN}


async def test_nothing_is_left_of_it(stack: RunningStack) -> None:
    async with battlefield(stack) as field:
        names = (field.attacker.database, field.victim.database)
    assert await stack.administer("SELECT FROM pg_database WHERE datname = ANY (%s)", list(names)) == []
    assert await stack.administer("SELECT FROM pg_roles WHERE rolname = ANY (%s)", list(names)) == []


def test_names_are_unique() -> None:
    names = Counter(attempt.name for category in CATALOGUE for attempt in category.attempts)
    assert [name for name, count in names.items() if count > 1] == []


def test_what_is_open_is_documented() -> None:
    headings = set(re.findall(r"^## (.+)$", DOCUMENT.read_text(), re.MULTILINE))
    named = {attempt.unbound for category in CATALOGUE for attempt in category.attempts if attempt.unbound}
    assert named <= headings


def test_the_table_in_the_docs_is_that_of_the_code() -> None:
    """Mend it with: python -m capyd.attack.document docs/isolation.md"""
    text = DOCUMENT.read_text()
    assert render_document(text) == text
