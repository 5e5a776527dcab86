"""Single values that the daemon must remember: which cluster this state is for, and what the ledger there has."""

from typing import Literal

from capyd.sqlite.database import Reads, Transaction

FactName = Literal[
    "cluster_id",
    "system_identifier",
    "postgres_version",
    "carried_revision",
    "carried_mark",
    "next_mark",
    "stream_id",
]


async def find_fact(reads: Reads, name: FactName) -> str | None:
    """The value, or None when it was never known."""
    row = await reads.fetch_one("SELECT value FROM facts WHERE name = ?", (name,))
    return None if row is None else str(row["value"])


async def put_fact(tx: Transaction, name: FactName, value: str) -> None:
    """Remember the value."""
    await tx.execute(
        "INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


async def delete_fact(tx: Transaction, name: FactName) -> None:
    """Forget the value."""
    await tx.execute("DELETE FROM facts WHERE name = ?", (name,))
