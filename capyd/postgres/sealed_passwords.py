"""The sealed passwords in the ledger, when the key that they are sealed under changes."""

from collections.abc import Callable

from capyd.postgres.connections import AdminConnections
from capyd.postgres.errors import translated


async def reseal_passwords(
    connections: AdminConnections, reseal: Callable[[bytes, str], bytes | None]
) -> dict[str, bytes]:
    """Replace each by what `reseal` makes of it and its login, in one transaction; None: it stays.

    Returns what the projects' tenants have then, by project id.

    Raises:
        StepError: nothing was replaced, or all was and the answer was lost: again is fine.
    """
    with translated("seal the ledger's passwords anew"):
        async with connections.ledger() as ledger, ledger.transaction():
            cursor = await ledger.execute(
                """
                SELECT database_name, login_name, sealed_password, project_id FROM capyd.tenants
                WHERE sealed_password IS NOT NULL FOR UPDATE
                """
            )
            by_project = {}
            for database, login, sealed, project_id in await cursor.fetchall():
                resealed = reseal(sealed, login)
                if resealed is not None:
                    await ledger.execute(
                        "UPDATE capyd.tenants SET sealed_password = %s WHERE database_name = %s", [resealed, database]
                    )
                if project_id is not None:
                    by_project[project_id] = resealed or sealed
            return by_project
