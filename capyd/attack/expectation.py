"""What came of an attempt, and what should have."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Observed:
    """What came of an attempt."""

    refused: bool
    words: str
    """The refusal's message, or the answer as text."""
    sqlstate: str | None = None
    """The refusal's. None of a refused login: the client library keeps it to itself."""

    def __str__(self) -> str:
        if not self.refused:
            return f"answered: {self.words}" if self.words else "done"
        return f"refused {self.sqlstate}: {self.words}" if self.sqlstate else f"refused: {self.words}"


def answered(value: object = "") -> Observed:
    """It was done, and said `value`."""
    return Observed(False, str(value))


def refused(words: str, sqlstate: str | None = None) -> Observed:
    """It was not done."""
    return Observed(True, words, sqlstate)


@dataclass(frozen=True, slots=True)
class Refusal:
    """It must be refused with one of these SQLSTATEs, or with one of these words where there are none."""

    sqlstates: frozenset[str] = field(default_factory=frozenset)
    words: tuple[str, ...] = ()
    label: str = ""
    """For people, where the words differ by version."""

    def is_met(self, observed: Observed) -> bool:
        """Whether it was refused so."""
        if not observed.refused:
            return False
        by_state = not self.sqlstates or observed.sqlstate in self.sqlstates
        by_words = not self.words or any(words in observed.words for words in self.words)
        return by_state and by_words

    def __str__(self) -> str:
        if self.label:
            return f"refused {self.label}"
        parts = ["/".join(sorted(self.sqlstates)), " / ".join(f'"{words}"' for words in self.words)]
        return " ".join(["refused", *filter(None, parts)])


@dataclass(frozen=True, slots=True)
class Answer:
    """It is not refused, and what it says must be this: nothing was reached."""

    value: str = ""

    def is_met(self, observed: Observed) -> bool:
        """Whether it was answered so."""
        return not observed.refused and observed.words == self.value

    def __str__(self) -> str:
        return f"answered: {self.value}" if self.value else "done"


@dataclass(frozen=True, slots=True)
class Either:
    """One of several, where builds of the server differ in what they carry."""

    choices: tuple["Refusal | Answer", ...]

    def is_met(self, observed: Observed) -> bool:
        """Whether any of them is."""
        return any(choice.is_met(observed) for choice in self.choices)

    def __str__(self) -> str:
        return " or ".join(map(str, self.choices))


Expectation = Refusal | Answer | Either

NOT_PERMITTED = Refusal(frozenset({"42501"}))
"""insufficient_privilege"""


def sqlstate(*codes: str) -> Refusal:
    """Refused with one of these SQLSTATEs."""
    return Refusal(frozenset(codes))
