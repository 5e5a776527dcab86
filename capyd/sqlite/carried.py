"""What this state file knows of the ledger's head: how far it carried, under which mark, and under which it will next.

A mark is used for one transaction in the ledger. A ledger that shows another mark than these two was written by
another state file since, or by a newer copy of this one.
"""

import secrets
from dataclasses import dataclass

from capyd.domain.records import LedgerHead
from capyd.sqlite.database import Reads, Transaction
from capyd.sqlite.facts import delete_fact, find_fact, put_fact


@dataclass(frozen=True, slots=True)
class Carried:
    """The head as it was when this file last knew, and the mark of the transaction that is next, or under way."""

    head: LedgerHead
    next_mark: str | None


async def read_carried(reads: Reads) -> Carried:
    """What this file knows."""
    return Carried(
        LedgerHead(int(await find_fact(reads, "carried_revision") or 0), await find_fact(reads, "carried_mark")),
        await find_fact(reads, "next_mark"),
    )


async def put_carried(tx: Transaction, head: LedgerHead) -> str:
    """The ledger's head is this one; returns the mark of the next transaction there."""
    await put_fact(tx, "carried_revision", str(head.revision))
    if head.mark is None:
        await delete_fact(tx, "carried_mark")
    else:
        await put_fact(tx, "carried_mark", head.mark)
    next_mark = secrets.token_urlsafe(12)
    await put_fact(tx, "next_mark", next_mark)
    return next_mark
