"""Deletions that a tenant, or its neighbour, holds up with locks: gone in one go, and said what was in the way."""

import asyncio
import re
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import psycopg
import pytest

from capyd.domain.extensions import DEFAULT_EXTENSIONS
from capyd.postgres.dropping import drop_tenant
from capyd.postgres.preparation import prepare_cluster
from capyd.postgres.tenants import apply_limits, shut_out
from tests.postgres.test_spares import traces
from tests.tenants import LIMITS, Tenant, Tenants

# What a tenant may do as its login, and what then holds a lock until its transaction ends.
OWN = [
    "ALTER ROLE {own} PASSWORD 'another'",
    "GRANT CONNECT ON DATABASE {own} TO PUBLIC",
    pytest.param("DROP OWNED BY CURRENT_USER", marks=pytest.mark.full),
    pytest.param("ALTER ROLE {own} SET work_mem = '5MB'", marks=pytest.mark.full),
    pytest.param("ALTER ROLE {own} IN DATABASE {own} SET work_mem = '5MB'", marks=pytest.mark.full),
]
NEIGHBOURS = [
    "GRANT USAGE ON SCHEMA its TO {doomed}, {doomed}_owner",
    pytest.param("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {doomed}", marks=pytest.mark.full),
    "ALTER ROLE {own} IN DATABASE {doomed} SET work_mem = '5MB'",
]


async def delete(tenants: Tenants, tenant: Tenant) -> str:
    """Delete it, within one lock_timeout; returns what was said."""
    said: list[str] = []
    async with asyncio.timeout(9):
        await shut_out(tenants.connections, tenant.project_id, note=said.append)
        await drop_tenant(tenants.connections, tenant.names, note=said.append)
    assert traces(tenants.cluster, tenant.names) == []
    return "\n".join(said)


def lock(session: psycopg.Connection, statement: str, *, prepare: bool) -> None:
    session.execute("BEGIN")
    if not statement.startswith(("GRANT USAGE", "ALTER DEFAULT")):
        session.execute("SET ROLE NONE")
    session.execute(statement.encode())
    if prepare:
        session.execute("PREPARE TRANSACTION 'it''s prepared'")


@pytest.mark.parametrize("prepare", [False, True], ids=["open", "prepared"])
@pytest.mark.parametrize("statement", OWN)
async def test_locks_of_the_tenant(tenants: Tenants, statement: str, prepare: bool) -> None:
    tenant = await tenants.claim()
    with closing(tenant.connect()) as session:
        lock(session, statement.format(own=tenant.names.login), prepare=prepare)
        said = await delete(tenants, tenant)
        # Some of them hold up nothing, and end with the session that holds them.
        assert ("rolled back" if prepare else "ended") in said
        assert not prepare or "prepared transaction" in said


@pytest.mark.parametrize("prepare", [False, True], ids=["open", "prepared"])
@pytest.mark.parametrize("statement", NEIGHBOURS)
async def test_locks_of_a_neighbour(tenants: Tenants, statement: str, prepare: bool) -> None:
    tenant, neighbour = await tenants.claim(), await tenants.claim()
    with closing(neighbour.connect()) as session:
        session.execute("CREATE SCHEMA its")
        lock(session, statement.format(own=neighbour.names.login, doomed=tenant.names.login), prepare=prepare)
        said = await delete(tenants, tenant)
    assert re.search(rf"of {neighbour.names.login}(_owner)? in {neighbour.names.database}", said)
    with neighbour.connect() as session:
        session.execute("SELECT")


async def test_limits_are_set_though_the_tenant_holds_its_role(tenants: Tenants) -> None:
    tenant = await tenants.claim()
    said: list[str] = []
    with closing(tenant.connect()) as session:
        lock(session, f"GRANT CONNECT ON DATABASE {tenant.names.login} TO PUBLIC", prepare=False)
        async with asyncio.timeout(9):
            limits = replace(LIMITS, max_connections=3)
            await apply_limits(tenants.connections, tenant.project_id, limits, {}, note=said.append)
    assert [f"of {tenant.names.login}" in line for line in said] == [True]
    query = "SELECT datconnlimit FROM pg_database WHERE datname = %s"
    with tenants.cluster.connect() as admin:
        assert admin.execute(query, [tenant.names.database]).fetchone() == (3,)


async def test_no_tenant_keeps_a_daemon_from_getting_ready(tenants: Tenants) -> None:
    tenant, outdated = await tenants.claim(), "capy_template_0123456789abcdef"
    with tenants.cluster.connect("capyd") as admin:
        admin.execute(f"CREATE DATABASE {outdated}")
        admin.execute("INSERT INTO capyd.templates (database_name) VALUES (%s)", [outdated])
        with closing(tenant.connect()) as session:
            statement = f"ALTER ROLE {tenant.names.login} IN DATABASE {outdated} SET work_mem = '5MB'"
            lock(session, statement, prepare=False)
            async with asyncio.timeout(9):
                await prepare_cluster(tenants.connections, default_extensions=DEFAULT_EXTENSIONS)
        assert admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [outdated]).fetchone() is None


async def test_a_tenant_and_a_neighbour_that_take_their_locks_again_and_again(tenants: Tenants) -> None:
    tenant, neighbour = await tenants.claim(), await tenants.claim()
    deleted = asyncio.Event()

    def grab(who: Callable[[], psycopg.Connection], statement: str) -> None:
        try:
            with closing(who()) as session:
                lock(session, statement, prepare=False)
                session.execute("SELECT pg_catalog.pg_sleep(20)")
        except psycopg.Error:
            time.sleep(0.001)

    async def keep_grabbing(who: Callable[[], psycopg.Connection], statement: str) -> None:
        while not deleted.is_set():
            await asyncio.to_thread(grab, who, statement)

    names = {"own": neighbour.names.login, "doomed": tenant.names.login}
    grabbers = [
        asyncio.create_task(keep_grabbing(who, statement))
        for who, statement in [
            *((tenant.connect, each.format(own=tenant.names.login)) for each in OWN[:2]),
            (neighbour.connect, NEIGHBOURS[2].format(**names)),
        ]
    ]
    try:
        await delete(tenants, tenant)
    finally:
        deleted.set()
        with tenants.cluster.connect() as admin:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE 'capy\\_%'")
        await asyncio.gather(*grabbers)


async def test_neighbours_that_grant_to_it_again_and_again(tenants: Tenants) -> None:
    tenant, *neighbours = [await tenants.claim() for _ in range(3)]
    deleted, granting = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def grant(neighbour: Tenant) -> None:
        try:
            with closing(neighbour.connect()) as session:
                session.execute("CREATE SCHEMA IF NOT EXISTS its")
                while not deleted.is_set():
                    session.execute(f"GRANT USAGE ON SCHEMA its TO {tenant.names.login}")
                    loop.call_soon_threadsafe(granting.set)
                    session.execute(f"REVOKE USAGE ON SCHEMA its FROM {tenant.names.login}")
        except psycopg.Error:
            time.sleep(0.001)

    async def keep_granting(neighbour: Tenant) -> None:
        while not deleted.is_set():
            await asyncio.to_thread(grant, neighbour)

    granters = [asyncio.create_task(keep_granting(neighbour)) for neighbour in neighbours for _ in range(2)]
    try:
        await granting.wait()
        await delete(tenants, tenant)
    finally:
        deleted.set()
        await asyncio.gather(*granters)


@pytest.mark.full  # it waits for a lock_timeout
async def test_an_administrator_is_waited_for_and_not_ended(tenants: Tenants) -> None:
    tenant = await tenants.claim()
    with tenants.cluster.connect() as admin:
        admin.execute("BEGIN")
        admin.execute(f"ALTER ROLE {tenant.names.login} CREATEDB")
        with pytest.raises(Exception, match="lock timeout"):
            await shut_out(tenants.connections, tenant.project_id)
        admin.execute("ROLLBACK")
    await delete(tenants, tenant)
