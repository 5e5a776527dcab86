"""Administrative connections: pinned against tenants, and quick to say that the server is away."""

import pytest

from capyd.domain.failures import PermanentError, TransientError, UnreachableError
from capyd.domain.installed import ClusterFacts
from capyd.postgres.connections import AdminConnections
from capyd.postgres.preparation import prepare_cluster
from tests.servers import Cluster
from tests.tenants import Tenants


async def test_a_tenant_cannot_shadow_a_built_in_for_us(tenants: Tenants, cluster: Cluster) -> None:
    tenant = await tenants.claim()
    with tenant.connect() as session:
        session.execute("CREATE FUNCTION public.version() RETURNS text LANGUAGE sql AS $$ SELECT 'mine' $$")
    with cluster.connect() as admin:
        admin.execute(f"ALTER DATABASE {tenant.names.database} SET search_path = public, pg_catalog")
    async with tenants.connections.database(tenant.names.database) as inside:
        cursor = await inside.execute("SELECT version(), current_setting('search_path')")
        version, search_path = await cursor.fetchone() or ("", "")
    assert version.startswith("PostgreSQL")
    assert search_path == "pg_catalog,pg_temp"


async def test_sessions_in_tenants_databases_ignore_what_the_database_sets(tenants: Tenants, cluster: Cluster) -> None:
    tenant = await tenants.claim()
    name = tenant.names.database
    with cluster.connect() as admin:
        admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        admin.execute(f"ALTER DATABASE {name} SET statement_timeout = 1")
    async with tenants.connections.database(name) as inside:
        for parameter, value in (("default_transaction_read_only", "off"), ("statement_timeout", "5min")):
            cursor = await inside.execute("SELECT current_setting(%s)", [parameter])
            assert await cursor.fetchone() == (value,)
        if tenants.facts.major >= 17:
            cursor = await inside.execute("SHOW event_triggers")
            assert await cursor.fetchone() == ("off",)


async def test_a_database_that_is_not_there_is_a_permanent_failure(connections: AdminConnections) -> None:
    with pytest.raises(PermanentError, match="there is no database capy_nowhere"):
        async with connections.database("capy_nowhere"):
            pass


async def test_a_pool_that_stays_in_use_is_no_server_that_is_away(cluster: Cluster, facts: ClusterFacts) -> None:
    connections = AdminConnections(cluster.settings.model_copy(update={"max_admin_connections": 3}))
    await connections.open()
    try:
        async with connections.ledger(), connections.ledger(), connections.ledger():
            with pytest.raises(TransientError, match="all 3 administrative connections are in use"):
                async with connections.ledger():
                    pass
    finally:
        await connections.close()


async def test_a_server_that_is_away_is_told_soon_and_forgotten_when_it_is_back(own_cluster: Cluster) -> None:
    own_cluster.stop()
    connections = AdminConnections(own_cluster.settings)
    await connections.open()
    try:
        with pytest.raises(UnreachableError, match="let capyd into the database capyd"):
            async with connections.ledger():
                pass
        with pytest.raises(UnreachableError):
            async with connections.maintenance():
                pass
        own_cluster.start()
        await prepare_cluster(connections, default_extensions=())
        async with connections.ledger() as ledger:
            await ledger.execute("SELECT 1")
        own_cluster.stop()
        own_cluster.start()
        # The pooled session broke with the server; a new one takes its place unnoticed.
        async with connections.ledger() as ledger:
            await ledger.execute("SELECT 1")
    finally:
        await connections.close()
