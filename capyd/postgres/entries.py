"""What the pooler must know, out of the ledger."""

from capyd.domain.secret import Secret
from capyd.domain.tenants import PoolerEntry
from capyd.postgres.connections import AdminConnections
from capyd.postgres.errors import translated
from capyd.postgres.scram import is_plain_verifier


async def list_pooler_entries(connections: AdminConnections) -> list[PoolerEntry]:
    """An entry for each spare and each project's tenant, by name. Spares too: a claim then waits for no reload.

    One with a verifier that cannot stand in the pooler's file, which a tenant can make for itself, is left out.
    """
    with translated("list the pooled databases"):
        async with connections.ledger() as ledger:
            cursor = await ledger.execute(
                """
                SELECT database_name, verifier, pool_size FROM capyd.tenants
                WHERE state IN ('spare', 'claimed') ORDER BY database_name
                """
            )
            return [
                PoolerEntry(database=name, login=name, verifier=Secret(verifier), pool_size=pool_size)
                async for name, verifier, pool_size in cursor
                if is_plain_verifier(Secret(verifier))
            ]
