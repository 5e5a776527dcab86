"""What the pooler must know, out of the ledger."""

from capyd.domain.secret import Secret
from capyd.domain.tenants import PoolerEntry, PoolerLogin
from capyd.postgres.connections import AdminConnections
from capyd.postgres.errors import translated
from capyd.postgres.scram import is_plain_verifier


async def list_pooler_entries(connections: AdminConnections) -> list[PoolerEntry]:
    """An entry for each spare and each project's tenant, by name. Spares too: a claim then waits for no reload.
    Those of a suspended organization have none.

    A login with a verifier that cannot stand in the pooler's file, which a tenant can make for itself, is left out, and
    so is one whose grace period is over.
    """
    with translated("list the pooled databases"):
        async with connections.ledger() as ledger:
            cursor = await ledger.execute(
                """
                SELECT database_name, pool_size, login_name, verifier, retiring_name, retiring_verifier
                FROM capyd.tenants
                WHERE state IN ('spare', 'claimed') AND NOT coalesce((specification ->> 'suspended')::boolean, false)
                ORDER BY database_name
                """
            )
            entries = [
                PoolerEntry(database, _logins((login, verifier), (retiring, retiring_verifier)), pool_size)
                async for database, pool_size, login, verifier, retiring, retiring_verifier in cursor
            ]
    return [entry for entry in entries if entry.logins]


def _logins(*candidates: tuple[str | None, str | None]) -> tuple[PoolerLogin, ...]:
    return tuple(
        PoolerLogin(name, Secret(verifier))
        for name, verifier in candidates
        if name is not None and verifier is not None and is_plain_verifier(Secret(verifier))
    )
