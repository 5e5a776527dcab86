"""Whether a chain of audit events is whole: nothing altered, missing, inserted, or in another order."""

from dataclasses import dataclass, field

from capyd.domain.audit import EMPTY_CHAIN, AuditEvent, ChainHead, chain_hash, lost_range

_SHOWN_PROBLEMS = 20


@dataclass(slots=True)
class ChainCheck:
    """Is given every event in the order of sequences, and collects what is wrong with them.

    What nobody can see in the events alone is that the newest of them are gone. For that there are `finish`'s two
    witnesses: the newest sequence that was ever given, and a head that stands elsewhere.
    """

    number: int = 0
    problems: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    """What was lost with an older state file, and is said so by the chain itself."""
    head: ChainHead = EMPTY_CHAIN
    _witness: ChainHead | None = None
    _witnessed: bool = False

    def expect(self, witness: ChainHead | None) -> None:
        """Look for this head, which was noted elsewhere; None: nothing was noted. To be called first."""
        self._witness = witness

    def begin_with(self, event: AuditEvent) -> None:
        """The chain is known from this event on alone: part of an export. To be called before it is added."""
        self.head = ChainHead(event.sequence - 1, event.previous_hash)

    def add(self, event: AuditEvent) -> None:
        """The next event."""
        self.number += 1
        self._check_place(event)
        if chain_hash(event) != event.hash:
            self._say(f"the audit event {event.sequence} ({event.id}) is not as it was written")
        if self._witness is not None and event.sequence == self._witness.sequence:
            self._witnessed = True
            if event.hash != self._witness.hash:
                self._say(f"the audit event {event.sequence} has another hash than the ledger in the cluster noted")
        self.head = event.head

    def finish(self, *, newest: int | None) -> None:
        """All were given; `newest` is the newest sequence that the file ever gave, where that is known."""
        if newest is not None and newest > self.head.sequence:
            self._say(f"the newest audit events are missing: {self.head.sequence + 1} to {newest}")
        if self._witness is not None and self._witness.sequence and not self._witnessed:
            self._say(f"the audit event {self._witness.sequence} is missing, which the ledger in the cluster noted")

    def _check_place(self, event: AuditEvent) -> None:
        lost = lost_range(event)
        expected = self.head.sequence + 1
        if lost is not None and lost == (expected, event.sequence - 1):
            # The new file goes on from what the ledger had noted of the old one: these rows are nowhere any more.
            self.lost.append(f"{lost[0]} to {lost[1]} were lost with an older state file ({event.action})")
            if self._witness is not None and lost[0] <= self._witness.sequence <= lost[1]:
                self._witnessed = self._witness == ChainHead(event.sequence - 1, event.previous_hash)
            return
        if event.sequence > expected:
            missing = f"{expected} to {event.sequence - 1}" if event.sequence - 1 > expected else str(expected)
            self._say(f"missing before the audit event {event.sequence}: {missing}")
        elif event.sequence < expected:
            self._say(f"the audit event {event.sequence} stands behind {self.head.sequence}")
        elif event.previous_hash != self.head.hash:
            self._say(f"the audit event {event.sequence} does not follow {self.head.sequence} as that is now")

    def _say(self, problem: str) -> None:
        if len(self.problems) < _SHOWN_PROBLEMS:
            self.problems.append(problem)
        elif len(self.problems) == _SHOWN_PROBLEMS:
            self.problems.append("and more")
