"""Claiming, limiting and shutting out tenants, and what a tenant can and cannot do."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from capyd.domain.failures import PermanentError
from capyd.domain.tenants import ClaimedTenant, PoolerLogin
from capyd.postgres.entries import list_pooler_entries
from capyd.postgres.spares import count_spares, mark_pooled
from capyd.postgres.tenants import apply_limits, claim_spare, find_tenant, shut_out
from tests.servers import Cluster
from tests.tenants import LIMITS, Tenants


async def claim(tenants: Tenants, project_id: str) -> ClaimedTenant | None:
    return await claim_spare(
        tenants.connections, project_id=project_id, organization_id="org_1", limits=LIMITS, specification={"slug": "s"}
    )


async def test_without_a_spare_there_is_nothing_to_claim(tenants: Tenants) -> None:
    assert await claim(tenants, "prj_none") is None
    assert await find_tenant(tenants.connections, "prj_none") is None


async def test_a_claim_opens_the_tenant_with_its_limits(tenants: Tenants, cluster: Cluster) -> None:
    tenant = await tenants.claim()
    with tenant.connect() as session:
        assert session.execute(
            "SELECT session_user, current_user, current_setting('statement_timeout'),"
            " current_setting('idle_in_transaction_session_timeout')"
        ).fetchone() == (tenant.names.login, tenant.names.owner, "30s", "1min")
    with cluster.connect() as admin:
        limits = admin.execute(
            "SELECT rolconnlimit, datconnlimit FROM pg_roles JOIN pg_database ON datname = rolname WHERE rolname = %s",
            [tenant.names.login],
        ).fetchone()
    assert limits == (15, 15)
    assert await find_tenant(tenants.connections, tenant.project_id) == tenant.claimed
    assert tenant.claimed.sealed_password == b"sealed"


async def test_claiming_again_gives_the_same_tenant_and_takes_no_spare(tenants: Tenants) -> None:
    tenant = await tenants.claim()
    await tenants.build()
    assert await claim(tenants, tenant.project_id) == tenant.claimed
    assert await count_spares(tenants.connections) == 1


async def test_claims_at_once_each_get_their_own(tenants: Tenants) -> None:
    for _ in range(3):
        await tenants.build()
    claimed = await asyncio.gather(*(claim(tenants, f"prj_race_{number}") for number in range(5)))
    names = [each.names.database for each in claimed if each is not None]
    assert len(names) == len(set(names)) == 3


async def test_claims_at_once_for_one_project_get_the_same(tenants: Tenants) -> None:
    for _ in range(4):
        await tenants.build()
    claimed = await asyncio.gather(*(claim(tenants, "prj_twice") for _ in range(4)))
    assert len(set(claimed)) == 1
    assert claimed[0] is not None
    assert await count_spares(tenants.connections) == 3


async def test_a_spare_that_the_pooler_knows_is_preferred(tenants: Tenants) -> None:
    await tenants.build()
    known = await tenants.build()
    await mark_pooled(tenants.connections, [known.names.database])
    first, second = await claim(tenants, "prj_known"), await claim(tenants, "prj_unknown")
    assert first is not None
    assert first.names == known.names
    assert first.pooled
    assert second is not None
    assert not second.pooled


async def test_a_spare_that_somebody_spoiled_is_passed_over(tenants: Tenants, cluster: Cluster) -> None:
    dropped, invalid, good = [await tenants.build() for _ in range(3)]
    with cluster.connect() as admin:
        admin.execute(f"DROP DATABASE {dropped.names.database}")
        admin.execute("UPDATE pg_database SET datconnlimit = -2 WHERE datname = %s", [invalid.names.database])
    claimed = await claim(tenants, "prj_spoiled")
    assert claimed is not None
    assert claimed.names == good.names
    assert await claim(tenants, "prj_spoiled_2") is None


async def test_the_pooler_is_to_know_spares_and_tenants(tenants: Tenants) -> None:
    tenant = await tenants.claim(replace(LIMITS, max_connections=60))
    spare = await tenants.build()
    entries = {entry.database: entry for entry in await list_pooler_entries(tenants.connections)}
    assert entries.keys() == {tenant.names.database, spare.names.database}
    assert entries[tenant.names.database].pool_size == 40
    assert entries[tenant.names.database].logins == (PoolerLogin(tenant.names.login, tenant.credential.verifier),)
    assert entries[spare.names.database].pool_size == LIMITS.pool_size


async def test_new_limits_count_for_new_sessions(tenants: Tenants) -> None:
    tenant = await tenants.claim()
    limits = replace(LIMITS, max_connections=2, statement_timeout=timedelta(milliseconds=1500))
    await apply_limits(tenants.connections, tenant.project_id, limits, {"slug": "other"})
    with tenant.connect() as first, tenant.connect():
        assert first.execute("SHOW statement_timeout").fetchone() == ("1500ms",)
        with pytest.raises(psycopg.OperationalError, match="too many connections"):
            tenant.connect()
    with pytest.raises(PermanentError, match="no database"):
        await apply_limits(tenants.connections, "prj_none", limits, {})


async def test_a_tenant_that_is_shut_out_is_out(tenants: Tenants) -> None:
    tenant = await tenants.claim()
    with tenant.connect() as session:
        assert await shut_out(tenants.connections, tenant.project_id) == tenant.names
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        tenant.connect()
    assert await shut_out(tenants.connections, tenant.project_id) == tenant.names
    assert await find_tenant(tenants.connections, tenant.project_id) is None
    assert await list_pooler_entries(tenants.connections) == []
    assert await shut_out(tenants.connections, "prj_none") is None
    await tenants.build()
    with pytest.raises(PermanentError, match="being deleted"):
        await claim(tenants, tenant.project_id)


ALLOWED = [
    "CREATE TABLE t (i int)",
    "CREATE SCHEMA s",
    "CREATE TABLE s.t (i int)",
    "CREATE PUBLICATION p FOR TABLE t",
    "CREATE EXTENSION citext",
    "CREATE TEMPORARY TABLE temporary (i int)",
    "DROP SCHEMA public CASCADE",
    "CREATE SCHEMA public",
]

REFUSED = [
    "ALTER DATABASE {database} CONNECTION LIMIT -1",
    "ALTER DATABASE {database} SET work_mem = '1GB'",
    "ALTER DATABASE {database} RENAME TO mine",
    "DROP DATABASE {database}",
    "ALTER ROLE {login} CONNECTION LIMIT -1",
    "ALTER ROLE {owner} LOGIN",
    "CREATE ROLE friend",
    "CREATE DATABASE more",
    "GRANT CONNECT ON DATABASE {database} TO PUBLIC",
    "COMMENT ON ROLE {login} IS 'x'",
    "CREATE EXTENSION dblink",
    "COPY (SELECT 1) TO PROGRAM 'cat'",
    "SELECT pg_read_file('PG_VERSION')",
    "SET ROLE capyd_platform",
    "SET ROLE capyd",
]


async def test_a_tenant_does_as_it_likes_in_its_database(tenants: Tenants) -> None:
    tenant = await tenants.claim()
    with tenant.connect() as session:
        for statement in ALLOWED:
            session.execute(statement)
        owners = session.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 's'").fetchall()
    assert owners == [(tenant.names.owner,)]


@pytest.mark.parametrize("as_login", [False, True])
async def test_a_tenant_cannot_lift_its_limits_or_leave_its_database(tenants: Tenants, as_login: bool) -> None:
    tenant = await tenants.claim()
    names = {"database": tenant.names.database, "login": tenant.names.login, "owner": tenant.names.owner}
    with tenant.connect() as session:
        if as_login:
            session.execute("SET ROLE NONE")
        for statement in REFUSED:
            # GRANT is refused with a warning alone, so its effect is looked at below.
            if statement.startswith("GRANT"):
                session.execute(statement.format(**names))
                continue
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectInUse)):
                session.execute(statement.format(**names))
        acl = session.execute("SELECT datacl::text FROM pg_database WHERE datname = current_database()").fetchone()
    assert acl is not None
    assert "{=" not in acl[0]
    assert ",=" not in acl[0]


async def test_a_tenant_gets_into_no_other_database(tenants: Tenants) -> None:
    tenant, other = await tenants.claim(), await tenants.claim()
    spare = await tenants.build()
    for database in (other.names.database, spare.names.database, "postgres", "template1", "capyd"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            tenant.connect(dbname=database)
    for user in ("capyd", "capyd_platform", tenant.names.owner):
        with pytest.raises(psycopg.OperationalError, match=r"rejects|failed|not permitted"):
            tenant.connect(user=user)
