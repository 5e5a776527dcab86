"""Ends what is left of a shut tenant's sessions. Shutting itself is a matter of its limits."""

from capyd.domain.failures import TransientError
from capyd.postgres.blockers import Note, say_nothing
from capyd.postgres.connections import AdminConnections
from capyd.postgres.errors import translated
from capyd.postgres.sessions import end_sessions


async def end_tenant_sessions(connections: AdminConnections, project_id: str, *, note: Note = say_nothing) -> None:
    """End the sessions of the project's tenant, direct and the pooler's; `note` is told how many there were.

    Raises:
        TransientError: a session did not end.
    """
    with translated("end the sessions in the project's database"):
        async with connections.ledger() as ledger:
            cursor = await ledger.execute(
                "SELECT database_oid, login_oid, owner_oid, coalesce(retiring_oid, 0) FROM capyd.tenants"
                " WHERE project_id = %s AND state = 'claimed'",
                [project_id],
            )
            row = await cursor.fetchone()
            if row is None:
                return
            database_oid, *role_oids = row
            told, remaining = await end_sessions(ledger, database_oid=database_oid, role_oids=role_oids)
    if told:
        note(f"ended {told} session{'s' * (told > 1)}")
    if remaining:
        raise TransientError(f"{remaining} sessions of the project have not ended yet")
