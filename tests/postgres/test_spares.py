"""Spares: sealed until claimed, and no trace of one that was not finished."""

import psycopg
import pytest

from capyd.domain.failures import PermanentError
from capyd.domain.tenants import TenantNames, new_tenant_names
from capyd.postgres import spares
from capyd.postgres.spare_room import read_spare_room
from tests.servers import Cluster
from tests.tenants import LIMITS, Tenants, new_credential


async def test_a_spare_is_finished_and_counted(tenants: Tenants, cluster: Cluster) -> None:
    spare = await tenants.build()
    assert await spares.count_spares(tenants.connections) == 1
    assert await spares.list_unfinished(tenants.connections) == []
    with cluster.connect(spare.names.database) as inside:
        owners = inside.execute(
            """
            SELECT pg_get_userbyid(datdba), datconnlimit, pg_get_userbyid(nspowner)
            FROM pg_database, pg_namespace WHERE datname = current_database() AND nspname = 'public'
            """
        ).fetchone()
    assert owners == ("capyd_platform", 0, spare.names.owner)


async def test_nobody_gets_into_a_spare(tenants: Tenants, cluster: Cluster) -> None:
    spare = await tenants.build()
    with pytest.raises(psycopg.OperationalError):
        cluster.connect(
            spare.names.database,
            host="127.0.0.1",
            user=spare.names.login,
            password=spare.credential.password.reveal(),
        )


async def test_a_build_that_died_after_its_row_leaves_nothing(tenants: Tenants, cluster: Cluster) -> None:
    names = new_tenant_names()
    await begin(tenants, names)
    assert await spares.list_unfinished(tenants.connections) == [names]
    await spares.drop_unfinished(tenants.connections, names)
    assert traces(cluster, names) == []


async def test_a_build_that_died_after_its_database_leaves_nothing(tenants: Tenants, cluster: Cluster) -> None:
    names = new_tenant_names()
    await begin(tenants, names)
    with cluster.connect() as admin:
        admin.execute(f"CREATE DATABASE {names.database} OWNER capyd_platform CONNECTION LIMIT 0 TEMPLATE template0")
    await spares.drop_unfinished(tenants.connections, names)
    await spares.drop_unfinished(tenants.connections, names)
    assert traces(cluster, names) == []


async def test_what_is_finished_is_not_dropped_as_unfinished(tenants: Tenants, cluster: Cluster) -> None:
    tenant = await tenants.claim()
    spare = await tenants.build()
    for names in (tenant.names, spare.names):
        await spares.drop_unfinished(tenants.connections, names)
        assert len(traces(cluster, names)) == 4


async def test_a_database_that_is_not_sealed_does_not_become_a_spare(tenants: Tenants, cluster: Cluster) -> None:
    names = new_tenant_names()
    await begin(tenants, names)
    with cluster.connect() as admin:
        admin.execute(f"CREATE DATABASE {names.database} OWNER capyd_platform CONNECTION LIMIT 0 TEMPLATE template0")
    with pytest.raises(PermanentError, match="not sealed"):
        await spares._finish(tenants.connections, names)


async def test_spares_of_an_older_template_are_dropped(tenants: Tenants, cluster: Cluster) -> None:
    tenant = await tenants.claim()
    spare = await tenants.build()
    assert await spares.retire_stale_spares(tenants.connections, tenants.facts.template) == []
    assert await spares.retire_stale_spares(tenants.connections, "capy_template_ffffffffffffffff") == [spare.names]
    assert traces(cluster, spare.names) == []
    assert len(traces(cluster, tenant.names)) == 4


async def begin(tenants: Tenants, names: TenantNames) -> None:
    """A build's first step alone, as a crash right after it would leave things."""
    await spares._begin(
        tenants.connections,
        template=tenants.facts.template,
        names=names,
        credential=new_credential(),
        pool_size=LIMITS.pool_size,
    )


def traces(cluster: Cluster, names: TenantNames) -> list[str]:
    """What the cluster still has of a tenant: database, two roles, row."""
    with cluster.connect("capyd") as ledger:
        rows = ledger.execute(
            """
            SELECT 'database' FROM pg_database WHERE datname = %(database)s
            UNION ALL SELECT rolname FROM pg_roles WHERE rolname IN (%(login)s, %(owner)s)
            UNION ALL SELECT 'row' FROM capyd.tenants WHERE database_name = %(database)s
            """,
            {"database": names.database, "login": names.login, "owner": names.owner},
        ).fetchall()
    return [trace for (trace,) in rows]


async def test_room_is_what_ordinary_roles_and_the_disk_have_left(tenants: Tenants, cluster: Cluster) -> None:
    before = await read_spare_room(tenants.connections)
    with cluster.connect(), cluster.connect():
        room = await read_spare_room(tenants.connections)
    assert room.connections == before.connections - 2
    assert room.disk_bytes is not None
    assert room.what_lacks(connections=room.connections, disk_bytes=room.disk_bytes) is None
    assert "connections are free" in (room.what_lacks(connections=room.connections + 1, disk_bytes=0) or "")
    assert "disk are free" in (room.what_lacks(connections=0, disk_bytes=room.disk_bytes + 1) or "")
