"""Drops: everything that is the tenant's, whatever stands in the way, and nothing that is not."""

import asyncio
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from capyd.domain.failures import PermanentError
from capyd.postgres.dropping import drop_tenant
from capyd.postgres.tenants import shut_out
from tests.postgres.test_spares import traces
from tests.servers import Cluster, run_as
from tests.tenants import Tenant, Tenants


async def drop(tenants: Tenants, tenant: Tenant) -> None:
    await shut_out(tenants.connections, tenant.project_id)
    await drop_tenant(tenants.connections, tenant.names)
    assert traces(tenants.cluster, tenant.names) == []


async def test_a_drop_leaves_nothing_and_may_run_again(tenants: Tenants) -> None:
    tenant = await tenants.claim()
    with tenant.connect() as session:
        session.execute("CREATE TABLE t (i int)")
    await drop(tenants, tenant)
    await drop_tenant(tenants.connections, tenant.names)


async def test_what_the_ledger_does_not_give_up_is_not_dropped(tenants: Tenants, cluster: Cluster) -> None:
    tenant = await tenants.claim()
    with pytest.raises(PermanentError, match="claimed"):
        await drop_tenant(tenants.connections, tenant.names)
    assert len(traces(cluster, tenant.names)) == 4


async def test_sessions_that_keep_coming_back_do_not_matter(tenants: Tenants, cluster: Cluster) -> None:
    tenant = await tenants.claim()

    sessions: list[psycopg.Connection] = []
    dropped = asyncio.Event()

    async def reconnect() -> None:
        while not dropped.is_set():
            for connect in (tenant.connect, lambda: cluster.connect(tenant.names.database)):
                try:
                    sessions.append(await asyncio.to_thread(connect))
                except psycopg.OperationalError:
                    await asyncio.sleep(0.001)
                if len(sessions) > 20:
                    # The cluster has no room for more: whoever comes back has left before.
                    sessions.pop(0).close()

    clients = [asyncio.create_task(reconnect()) for _ in range(3)]
    try:
        await drop(tenants, tenant)
    finally:
        dropped.set()
        await asyncio.gather(*clients)
        for session in sessions:
            session.close()


async def test_prepared_transactions_are_rolled_back(tenants: Tenants) -> None:
    tenant = await tenants.claim()
    with tenant.connect() as session:
        session.execute("BEGIN")
        session.execute("CREATE TABLE t (i int)")
        session.execute("PREPARE TRANSACTION 'it''s prepared'")
    await drop(tenants, tenant)


async def test_subscriptions_go_without_their_publisher(tenants: Tenants, cluster: Cluster) -> None:
    tenant = await tenants.claim()
    with cluster.connect(tenant.names.database) as admin:
        admin.execute(
            "CREATE SUBSCRIPTION sub CONNECTION 'host=127.0.0.1 port=1 dbname=nowhere user=nobody password=x'"
            " PUBLICATION p WITH (connect = false, slot_name = 'far_away')"
        )
        admin.execute("ALTER SUBSCRIPTION sub ENABLE")
    await drop(tenants, tenant)


async def test_event_triggers_that_refuse_everything_do_not_hold_it(tenants: Tenants, cluster: Cluster) -> None:
    tenant = await tenants.claim()
    with cluster.connect(tenant.names.database) as admin:
        admin.execute("CREATE SUBSCRIPTION sub CONNECTION '' PUBLICATION p WITH (connect = false)")
        admin.execute(
            "CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no''; END'"
        )
        admin.execute("CREATE EVENT TRIGGER refuse ON ddl_command_start EXECUTE FUNCTION public.refuse()")
        admin.execute("ALTER EVENT TRIGGER refuse ENABLE ALWAYS")
    await drop(tenants, tenant)


async def test_everything_that_a_database_can_hold_goes_with_it(tenants: Tenants, cluster: Cluster) -> None:
    tenant, neighbour = await tenants.claim(), await tenants.claim()
    login, owner = tenant.names.login, tenant.names.owner
    with tenant.connect() as session:
        session.execute("CREATE SCHEMA mine")
        session.execute("CREATE EXTENSION IF NOT EXISTS hstore SCHEMA mine")
        session.execute("CREATE TABLE mine.t (i int PRIMARY KEY, s mine.hstore)")
        session.execute("CREATE MATERIALIZED VIEW mine.v AS SELECT * FROM mine.t")
        session.execute("CREATE PUBLICATION p FOR TABLE mine.t")
        session.execute("SELECT pg_catalog.lo_from_bytea(0, 'large')")
        session.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA mine GRANT SELECT ON TABLES TO {neighbour.names.login}")
        session.execute(f"GRANT USAGE ON SCHEMA mine TO {neighbour.names.login}")
    with cluster.connect(tenant.names.database) as admin:
        admin.execute("CREATE EXTENSION postgres_fdw")
        admin.execute("CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw")
        admin.execute(f"ALTER SERVER far OWNER TO {owner}")
        admin.execute(f"CREATE USER MAPPING FOR {login} SERVER far OPTIONS (password 'x')")
        admin.execute(f"GRANT USAGE ON FOREIGN SERVER far TO {login}")
        admin.execute(f"ALTER DATABASE {tenant.names.database} SET work_mem = '5MB'")
    with cluster.connect() as admin:
        # What an administrator may have given it elsewhere.
        admin.execute(f"CREATE SCHEMA its AUTHORIZATION {owner} CREATE TABLE its_table (i int)")
        admin.execute(f"GRANT CREATE ON TABLESPACE pg_default TO {owner}")
        admin.execute(f"GRANT SET ON PARAMETER log_statement TO {login}")
        admin.execute(f"GRANT pg_monitor TO {owner} WITH ADMIN OPTION")
        admin.execute(f"GRANT {owner} TO {neighbour.names.login} WITH ADMIN OPTION")
        admin.execute(f"ALTER ROLE {login} SET log_min_duration_statement = 0")
    with tenant.connect() as session:
        session.execute("CREATE TEMPORARY TABLE passing (i int)")
        await drop(tenants, tenant)
    with cluster.connect() as admin:
        assert admin.execute("SELECT pg_catalog.to_regclass('its.its_table')").fetchone() == (None,)


async def test_logical_slots_in_use_and_not_in_use_go(tenants: Tenants, cluster: Cluster) -> None:
    tenant = await tenants.claim()
    with cluster.connect(tenant.names.database) as admin:
        admin.execute("CREATE PUBLICATION p FOR ALL TABLES")
        for slot in ("in_use", "not_in_use"):
            admin.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [slot])
    with receiving(cluster, tenant.names.database, "in_use"):
        await drop(tenants, tenant)
    with cluster.connect() as admin:
        assert admin.execute("SELECT count(*) FROM pg_replication_slots").fetchone() == (0,)


async def test_a_database_that_was_made_a_template_goes(tenants: Tenants, cluster: Cluster) -> None:
    tenant = await tenants.claim()
    with cluster.connect() as admin:
        admin.execute(f"ALTER DATABASE {tenant.names.database} IS_TEMPLATE true ALLOW_CONNECTIONS false")
    await drop(tenants, tenant)


async def test_an_interrupted_drop_is_finished(tenants: Tenants, cluster: Cluster) -> None:
    tenant = await tenants.claim()
    with cluster.connect() as admin:
        admin.execute("UPDATE pg_database SET datconnlimit = -2 WHERE datname = %s", [tenant.names.database])
    await drop(tenants, tenant)


async def test_grants_in_other_databases_and_on_shared_objects_do_not_hold_it(
    tenants: Tenants, cluster: Cluster
) -> None:
    tenant, neighbour = await tenants.claim(), await tenants.claim()
    with neighbour.connect() as session:
        session.execute("CREATE TABLE mine (i int)")
        session.execute(f"GRANT SELECT ON mine TO {tenant.names.login}, {tenant.names.owner}")
    with cluster.connect() as admin:
        admin.execute(f"GRANT CONNECT ON DATABASE postgres TO {tenant.names.login}")
        admin.execute(f"ALTER ROLE {tenant.names.login} IN DATABASE postgres SET work_mem = '8MB'")
    await drop(tenants, tenant)
    with neighbour.connect() as session:
        session.execute("SELECT FROM mine")


@pytest.mark.parametrize("gone", ["database", "roles", "all"])
async def test_what_somebody_dropped_by_hand_does_not_matter(tenants: Tenants, cluster: Cluster, gone: str) -> None:
    tenant = await tenants.claim()
    names = tenant.names
    with cluster.connect() as admin:
        if gone in ("database", "all"):
            admin.execute(f"DROP DATABASE {names.database}")
        if gone == "all":
            admin.execute(f"DROP ROLE {names.login}, {names.owner}")
        if gone == "roles":
            admin.execute(f"DROP ROLE {names.login}")
    await drop(tenants, tenant)


async def test_a_strangers_database_and_roles_of_the_same_names_stay(tenants: Tenants, cluster: Cluster) -> None:
    tenant = await tenants.claim()
    names = tenant.names
    with cluster.connect() as admin:
        admin.execute(f"DROP DATABASE {names.database}")
        admin.execute(f"CREATE DATABASE {names.database}")
        assert await shut_out(tenants.connections, tenant.project_id) == names
        with pytest.raises(PermanentError, match="not the one"):
            await drop_tenant(tenants.connections, names)
        admin.execute(f"DROP DATABASE {names.database}")
        admin.execute(f"DROP ROLE {names.login}")
        admin.execute(f"CREATE ROLE {names.login}")
        await drop_tenant(tenants.connections, names)
        assert traces(cluster, names) == [names.login]
        admin.execute(f"DROP ROLE {names.login}")


@contextmanager
def receiving(cluster: Cluster, database: str, slot: str) -> Iterator[None]:
    """A subscriber that holds the slot, and comes back when it is cut off."""
    settings = cluster.settings
    command = [
        *(cluster.installation.bin_dir / "pg_recvlogical", "--start", "--slot", slot, "--file", "/dev/null"),
        *("--host", settings.socket_dir, "--port", settings.port, "--username", settings.admin_role),
        *("--dbname", database, "--option", "proto_version=1", "--option", "publication_names=p"),
    ]
    receiver = subprocess.Popen([str(part) for part in command], stderr=subprocess.DEVNULL, **run_as(cluster.os_user))
    try:
        with cluster.connect() as admin:
            deadline = time.monotonic() + 10
            query = "SELECT active FROM pg_replication_slots WHERE slot_name = %s"
            while admin.execute(query, [slot]).fetchone() != (True,):
                assert time.monotonic() < deadline
                time.sleep(0.02)
        yield
    finally:
        receiver.terminate()
        receiver.wait(10)
