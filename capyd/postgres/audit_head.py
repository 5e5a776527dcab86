"""The head of the audit trail, as the ledger in the cluster has noted it."""

from capyd.domain.audit import EMPTY_CHAIN, ChainHead
from capyd.postgres.connections import AdminConnections, Connection
from capyd.postgres.errors import translated


async def read_noted_head(connections: AdminConnections) -> ChainHead:
    """The noted head; an empty chain's, where nothing was noted yet.

    Raises:
        StepError: the ledger cannot be read.
    """
    with translated("read what the ledger noted of the audit trail"):
        async with connections.ledger() as ledger:
            return await find_noted_head(ledger)


async def find_noted_head(ledger: Connection) -> ChainHead:
    """As `read_noted_head`, on a connection to the ledger; one that has no place for it yet has noted nothing."""
    cursor = await ledger.execute("SELECT pg_catalog.to_regclass('capyd.audit_head')")
    if await cursor.fetchone() == (None,):
        return EMPTY_CHAIN
    cursor = await ledger.execute("SELECT sequence, hash FROM capyd.audit_head")
    found = await cursor.fetchone()
    return EMPTY_CHAIN if found is None else ChainHead(found[0], bytes(found[1]))


async def note_head(connections: AdminConnections, head: ChainHead) -> None:
    """Note it, unless a newer one is noted.

    Raises:
        StepError: it was not noted, or it was and the answer was lost.
    """
    with translated("note the audit trail's head in the ledger"):
        async with connections.ledger() as ledger:
            await ledger.execute(
                """
                INSERT INTO capyd.audit_head AS noted (sequence, hash) VALUES (%s, %s)
                ON CONFLICT (only_row) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash
                WHERE noted.sequence < excluded.sequence
                """,
                [head.sequence, head.hash],
            )
