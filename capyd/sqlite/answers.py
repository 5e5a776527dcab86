"""The table of answers that are kept for repeated requests."""

from dataclasses import dataclass
from datetime import datetime

from capyd.sqlite.columns import to_micros
from capyd.sqlite.database import Reads, Transaction


@dataclass(frozen=True, slots=True)
class RequestKey:
    """What makes a request the same one: whose it is, what it calls, and the id that its sender gave it."""

    scope: str
    method: str
    request_id: str


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """The first answer, and the fingerprint of the request that it answered."""

    fingerprint: bytes
    answer: bytes


async def find_answer(reads: Reads, key: RequestKey, *, since: datetime) -> KeptAnswer | None:
    """The answer kept under this key, unless it is older than `since`."""
    row = await reads.fetch_one(
        "SELECT fingerprint, answer FROM answers WHERE scope = ? AND method = ? AND request_id = ? AND created_at >= ?",
        (key.scope, key.method, key.request_id, to_micros(since)),
    )
    return None if row is None else KeptAnswer(row["fingerprint"], row["answer"])


async def put_answer(tx: Transaction, key: RequestKey, kept: KeptAnswer, *, now: datetime) -> None:
    """Keep it, in place of one that is too old."""
    await tx.execute(
        "INSERT OR REPLACE INTO answers (scope, method, request_id, fingerprint, answer, created_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (key.scope, key.method, key.request_id, kept.fingerprint, kept.answer, to_micros(now)),
    )


async def delete_answers(tx: Transaction, *, created_before: datetime) -> int:
    """Forget what is too old to be asked for again."""
    return await tx.execute("DELETE FROM answers WHERE created_at < ?", (to_micros(created_before),))
