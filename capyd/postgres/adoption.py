"""Enters tenants in a ledger that was lost, from what the catalog and the state file say. It drops nothing."""

from collections.abc import Sequence

from psycopg.types.json import Jsonb

from capyd.domain.projects import Project
from capyd.domain.specifications import to_specification
from capyd.postgres.connections import AdminConnections, Connection
from capyd.postgres.errors import translated
from capyd.postgres.roles import PLATFORM_ROLE

_UNKNOWN_TEMPLATE = "unknown"


async def adopt_tenants(connections: AdminConnections, projects: Sequence[Project]) -> list[str]:
    """Make a `claimed` row for each project whose database is there and has none; returns those databases' names.

    Taken over is what has the project's names and was made by capyd: the database belongs to the platform's role,
    and its login is a member of its owner role. The verifier is the catalog's, so that no login changes. A row of an
    older ledger, which takes the database for a build or a spare, is put right: as that it might be dropped.
    """
    with translated("enter the projects in the ledger anew"):
        async with connections.ledger() as ledger, ledger.transaction():
            return [
                project.database_name
                for project in projects
                if project.database_name is not None and await _adopt(ledger, project)
            ]


async def _adopt(ledger: Connection, project: Project) -> bool:
    cursor = await ledger.execute(
        """
        INSERT INTO capyd.tenants AS known
            (database_name, state, template, owner_oid, login_oid, login_name, database_oid, sealed_password, verifier,
             pool_size, project_id, organization_id, specification, claimed_at)
        SELECT d.datname, 'claimed', %(template)s, owner.oid, login.oid, login.rolname, d.oid, %(sealed_password)s,
            login.rolpassword, %(pool_size)s, %(project_id)s, %(organization_id)s, %(specification)s, %(claimed_at)s
        FROM pg_catalog.pg_database AS d
        JOIN pg_catalog.pg_authid AS login ON login.rolname = %(login)s AND login.rolpassword IS NOT NULL
        JOIN pg_catalog.pg_authid AS owner ON owner.rolname = d.datname || '_owner'
        JOIN pg_catalog.pg_auth_members AS m ON m.roleid = owner.oid AND m.member = login.oid
        WHERE d.datname = %(database)s AND pg_catalog.pg_get_userbyid(d.datdba) = %(platform)s
        ON CONFLICT (database_name) DO UPDATE SET state = excluded.state, owner_oid = excluded.owner_oid,
            login_oid = excluded.login_oid, login_name = excluded.login_name, database_oid = excluded.database_oid,
            sealed_password = excluded.sealed_password, verifier = excluded.verifier, pool_size = excluded.pool_size,
            project_id = excluded.project_id, organization_id = excluded.organization_id,
            specification = excluded.specification, claimed_at = excluded.claimed_at,
            updated_at = pg_catalog.now()
        WHERE known.state IN ('building', 'spare')
        """,
        {
            "template": _UNKNOWN_TEMPLATE,
            "sealed_password": project.sealed_password,
            "pool_size": project.limits.pool_size,
            "project_id": project.id,
            "organization_id": project.organization_id,
            "specification": Jsonb(to_specification(project)),
            "claimed_at": project.created_at,
            "login": project.role_name,
            "database": project.database_name,
            "platform": PLATFORM_ROLE,
        },
    )
    return cursor.rowcount == 1
