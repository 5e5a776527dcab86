"""Extensions in a tenant's database."""

import psycopg
import pytest

from capyd.domain.failures import PermanentError
from capyd.domain.installed import ExtensionInDatabase
from capyd.postgres.extensions import create_extension, drop_extension, list_extensions, update_extension
from tests.servers import Cluster
from tests.tenants import Tenants


async def installed(tenants: Tenants, database: str) -> dict[str, ExtensionInDatabase]:
    listed = await list_extensions(tenants.connections, database)
    return {it.available.name: it for it in listed if it.installed_version is not None}


async def test_created_dropped_and_listed_as_the_database_has_them(tenants: Tenants) -> None:
    database = (await tenants.claim()).names.database
    for _ in range(2):
        await create_extension(tenants.connections, database, "hstore")
    found = (await installed(tenants, database))["hstore"]
    assert found.installed_version == found.available.default_version
    assert found.available == tenants.facts.extensions["hstore"]
    for _ in range(2):
        await drop_extension(tenants.connections, database, "hstore")
    assert "hstore" not in await installed(tenants, database)


async def test_it_lands_in_public_where_the_tenant_finds_it(tenants: Tenants) -> None:
    tenant = await tenants.claim()
    await create_extension(tenants.connections, tenant.names.database, "hstore")
    with tenant.connect() as session:
        assert session.execute("SELECT 'a=>1'::hstore -> 'a'").fetchone() == ("1",)


async def test_a_trusted_one_is_the_tenants_own(tenants: Tenants) -> None:
    tenant = await tenants.claim()
    await create_extension(tenants.connections, tenant.names.database, "citext")
    with tenant.connect() as session:
        session.execute("DROP EXTENSION citext")


async def test_one_that_is_not_trusted_is_not(tenants: Tenants) -> None:
    tenant = await tenants.claim()
    await create_extension(tenants.connections, tenant.names.database, "pg_stat_statements")
    with tenant.connect() as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute("DROP EXTENSION pg_stat_statements")
    await drop_extension(tenants.connections, tenant.names.database, "pg_stat_statements")


async def test_what_depends_on_it_is_told_and_stays(tenants: Tenants) -> None:
    tenant = await tenants.claim()
    await create_extension(tenants.connections, tenant.names.database, "hstore")
    with tenant.connect() as session:
        session.execute("CREATE TABLE pairs (h hstore)")
    with pytest.raises(PermanentError) as raised:
        await drop_extension(tenants.connections, tenant.names.database, "hstore")
    assert "2BP01" in raised.value.detail
    assert "table pairs depends on type hstore" in raised.value.detail.replace("public.", "").replace(
        "column h of ", ""
    )


async def test_without_the_schema_public_it_says_so(tenants: Tenants) -> None:
    tenant = await tenants.claim()
    with tenant.connect() as session:
        session.execute("DROP SCHEMA public CASCADE")
    with pytest.raises(PermanentError, match="CREATE SCHEMA public"):
        await create_extension(tenants.connections, tenant.names.database, "hstore")
    with tenant.connect() as session:
        session.execute("CREATE SCHEMA public")
    await create_extension(tenants.connections, tenant.names.database, "hstore")


async def test_what_the_cluster_does_not_carry_is_refused(tenants: Tenants) -> None:
    database = (await tenants.claim()).names.database
    with pytest.raises(PermanentError, match="does not carry the extension nonsense"):
        await create_extension(tenants.connections, database, "nonsense")
    with pytest.raises(PermanentError, match="no database capy_gone"):
        await create_extension(tenants.connections, "capy_gone", "hstore")


async def test_updates_to_the_version_of_the_clusters_files(tenants: Tenants, cluster: Cluster) -> None:
    database = (await tenants.claim()).names.database
    with cluster.connect(database) as inside:
        inside.execute("CREATE EXTENSION hstore SCHEMA public VERSION '1.4'")
        inside.execute("CREATE EXTENSION pg_stat_statements SCHEMA public VERSION '1.4'")
    for name in ("hstore", "pg_stat_statements"):
        before = (await installed(tenants, database))[name]
        assert before.installed_version == "1.4"
        await update_extension(tenants.connections, database, name)
        after = (await installed(tenants, database))[name]
        assert after.installed_version == after.available.default_version
    with pytest.raises(PermanentError, match="not enabled"):
        await update_extension(tenants.connections, database, "citext")


@pytest.mark.parametrize(
    "lookalike",
    [
        "CREATE FUNCTION public.lower(text) RETURNS text LANGUAGE sql AS 'SELECT $1'",
        "CREATE OPERATOR public.+ (FUNCTION = pg_catalog.int4pl, LEFTARG = int4, RIGHTARG = int4)",
    ],
)
async def test_a_superusers_script_does_not_run_among_lookalikes(tenants: Tenants, lookalike: str) -> None:
    tenant = await tenants.claim()
    with tenant.connect() as session:
        session.execute("CREATE FUNCTION public.my_own(text) RETURNS text LANGUAGE sql AS 'SELECT $1'")
        await create_extension(tenants.connections, tenant.names.database, "pg_stat_statements")
        await drop_extension(tenants.connections, tenant.names.database, "pg_stat_statements")
        session.execute(lookalike)
    with pytest.raises(PermanentError, match="move them to another schema"):
        await create_extension(tenants.connections, tenant.names.database, "pg_stat_statements")


async def test_postgis_works(tenants: Tenants) -> None:
    if "postgis" not in tenants.facts.extensions:
        pytest.skip("this cluster does not carry postgis")
    tenant = await tenants.claim()
    await create_extension(tenants.connections, tenant.names.database, "postgis")
    with tenant.connect() as session:
        query = "SELECT ST_AsText(ST_Centroid('POLYGON((0 0, 0 2, 2 2, 2 0, 0 0))'::geometry))"
        assert session.execute(query).fetchone() == ("POINT(1 1)",)
    await drop_extension(tenants.connections, tenant.names.database, "postgis")
