"""A real PgBouncer in front of a real cluster."""

import asyncio
import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from capyd.config.settings import PoolerSettings
from capyd.domain.failures import TransientError, UnreachableError
from capyd.domain.secret import Secret
from capyd.domain.tenants import PoolerEntry, PoolerLogin
from capyd.jobs.lanes import Lanes
from capyd.pgbouncer.pooler import Pooler
from capyd.pgbouncer.version import parse_version
from capyd.postgres.entries import list_pooler_entries
from capyd.postgres.ident import apply_ident
from capyd.postgres.scram import new_password, scram_verifier
from capyd.postgres.tenants import apply_limits, claim_spare
from capyd.provisioning.pooler_sync import PoolerSync
from tests.servers import free_port, pooler_version, start_pooler
from tests.stack.polling import until
from tests.tenants import LIMITS, Tenant, Tenants


async def apply_all(tenants: Tenants, pooler: Pooler) -> list[PoolerEntry]:
    """What the daemon does after a change: the user map, then the pooler."""
    entries = await list_pooler_entries(tenants.connections)
    cluster = tenants.cluster
    await apply_ident(
        tenants.connections,
        cluster.settings,
        cluster.os_user,
        [login.name for entry in entries for login in entry.logins],
    )
    await pooler.apply(entries)
    return entries


def connect(tenant: Tenant, settings: PoolerSettings, **parameters: str) -> psycopg.Connection:
    """Through the pooler, as a client that knows what transaction pooling is."""
    connection = tenant.connect(port=str(settings.port), **parameters)
    connection.prepare_threshold = None
    return connection


async def test_a_tenant_logs_in_with_the_same_password(
    tenants: Tenants, pooler: Pooler, settings: PoolerSettings
) -> None:
    tenant = await tenants.claim()
    await apply_all(tenants, pooler)
    with connect(tenant, settings) as session:
        for _ in range(10):
            found = session.execute("SELECT session_user, current_user, %s::int", [1]).fetchone()
        assert found == (tenant.names.login, tenant.names.owner, 1)
        assert session.execute("SHOW statement_timeout").fetchone() == ("30s",)
    with pytest.raises(psycopg.OperationalError, match="SASL authentication failed"):
        connect(tenant, settings, password="wrong")


async def test_protocol_level_prepared_statements_work_where_the_pooler_can(
    tenants: Tenants, pooler: Pooler, settings: PoolerSettings
) -> None:
    if parse_version(f"PgBouncer {await pooler.probe()}") < (1, 21, 0):
        pytest.skip("this PgBouncer cannot")
    tenant = await tenants.claim()
    await apply_all(tenants, pooler)
    with tenant.connect(port=str(settings.port)) as one, tenant.connect(port=str(settings.port)) as other:
        for number in range(20):
            for session in (one, other):
                assert session.execute("SELECT %s::int", [number]).fetchone() == (number,)


async def test_a_spare_that_is_known_ahead_is_open_right_after_its_claim(
    tenants: Tenants, pooler: Pooler, settings: PoolerSettings
) -> None:
    spare = await tenants.build()
    await apply_all(tenants, pooler)
    claimed = await claim_spare(
        tenants.connections, project_id="prj_pooled", organization_id="org_1", limits=LIMITS, specification={}
    )
    assert claimed is not None
    with connect(Tenant(tenants.cluster, "prj_pooled", claimed, spare.credential), settings) as session:
        assert session.execute("SELECT current_database()").fetchone() == (spare.names.database,)


async def test_foreign_pairs_and_administrators_are_rejected(
    tenants: Tenants, pooler: Pooler, settings: PoolerSettings
) -> None:
    tenant, other = await tenants.claim(), await tenants.claim()
    await apply_all(tenants, pooler)
    with pytest.raises(psycopg.OperationalError, match=r"login rejected|no authentication method"):
        connect(tenant, settings, dbname=other.names.database)
    for parameters in (
        {"dbname": "postgres"},
        {"dbname": "capyd"},
        {"dbname": "pgbouncer"},
        {"user": "capyd", "dbname": "postgres"},
        {"user": "capyd_console", "dbname": "pgbouncer"},
        {"user": "capyd_console"},
    ):
        with pytest.raises(psycopg.OperationalError):
            connect(tenant, settings, **parameters)


async def test_changes_leave_the_clients_of_others_alone(
    tenants: Tenants, pooler: Pooler, settings: PoolerSettings
) -> None:
    tenant = await tenants.claim()
    await apply_all(tenants, pooler)
    with connect(tenant, settings) as session, session.transaction():
        session.execute("CREATE TABLE t (i int)")
        other = await tenants.claim()
        entries = await apply_all(tenants, pooler)
        with connect(other, settings):
            pass
        await pooler.apply([entry for entry in entries if entry.database == tenant.names.database])
        session.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(psycopg.OperationalError):
        connect(other, settings)


async def test_new_limits_reach_pooled_sessions_after_a_reconnect(
    tenants: Tenants, pooler: Pooler, settings: PoolerSettings
) -> None:
    tenant = await tenants.claim()
    await apply_all(tenants, pooler)
    with connect(tenant, settings) as session:
        session.execute("SELECT 1")
        limits = replace(LIMITS, statement_timeout=LIMITS.statement_timeout * 2)
        await apply_limits(tenants.connections, tenant.project_id, limits, {})
        assert session.execute("SHOW statement_timeout").fetchone() == ("30s",)
        await pooler.reconnect(tenant.names.database)
        assert session.execute("SHOW statement_timeout").fetchone() == ("1min",)


async def test_a_rotated_password_breaks_no_client_that_is_connected(
    tenants: Tenants, pooler: Pooler, settings: PoolerSettings
) -> None:
    tenant = await tenants.claim()
    (entry,) = await apply_all(tenants, pooler)
    password = new_password()
    with connect(tenant, settings) as session:
        session.execute("SELECT 1")
        await pooler.apply([replace(entry, logins=(PoolerLogin(entry.database, scram_verifier(password)),))])
        await pooler.reconnect(tenant.names.database)
        session.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError):
            connect(tenant, settings)
        with connect(tenant, settings, password=password.reveal()) as another:
            another.execute("SELECT 1")


async def test_one_tenant_cannot_take_all_clients_where_the_pooler_can_tell_them_apart(
    tenants: Tenants, pooler: Pooler, settings: PoolerSettings
) -> None:
    if pooler_version(settings.binary) < (1, 24, 0):
        pytest.skip("this PgBouncer counts all clients together")
    tenant, other = await tenants.claim(), await tenants.claim()
    few = Pooler(settings.model_copy(update={"clients_per_server_connection": 1}), tenants.cluster.settings)
    entries = await apply_all(tenants, pooler)
    await few.apply([replace(entry, pool_size=2) for entry in entries])
    with connect(tenant, settings), connect(tenant, settings):
        with pytest.raises(psycopg.OperationalError, match="max_db_client_connections"):
            connect(tenant, settings)
        connect(other, settings).close()


async def test_server_connections_that_nobody_uses_are_given_back(
    tenants: Tenants, pooler: Pooler, settings: PoolerSettings
) -> None:
    tenant = await tenants.claim()
    await apply_all(tenants, pooler)
    quick = Pooler(settings.model_copy(update={"server_idle_timeout": timedelta(seconds=1)}), tenants.cluster.settings)
    await quick.apply(await list_pooler_entries(tenants.connections))

    async def sessions() -> int:
        with tenants.cluster.connect() as admin:
            query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
            row = admin.execute(query, [tenant.names.database]).fetchone()
        assert row is not None
        return int(row[0])

    with connect(tenant, settings) as client:
        client.execute("SELECT 1")
        assert await sessions() == 1
        await until(sessions, lambda count: count == 0)
        # The client has noticed nothing.
        client.execute("SELECT 1")


async def test_many_changes_at_once_are_one_reload(tenants: Tenants, pooler: Pooler, settings: PoolerSettings) -> None:
    sync = PoolerSync(
        connections=tenants.connections,
        pooler=pooler,
        postgres_settings=tenants.cluster.settings,
        pooler_settings=settings,
        lanes=Lanes(),
    )
    log = settings.config_dir / "pgbouncer.log"
    claimed = [await tenants.claim() for _ in range(5)]
    await asyncio.gather(*(sync.sync() for _ in claimed))
    # The first began with what there was, the second served all that had come meanwhile.
    assert 1 <= log.read_text().count("RELOAD command issued") <= 2
    for tenant in claimed:
        connect(tenant, settings).close()


async def test_a_database_that_is_killed_refuses_at_once_and_comes_back(
    tenants: Tenants, pooler: Pooler, settings: PoolerSettings
) -> None:
    tenant = await tenants.claim()
    await apply_all(tenants, pooler)
    session = connect(tenant, settings)
    assert [await pooler.disable_and_kill(tenant.names.database) for _ in range(2)] == [1, 0]
    with pytest.raises(psycopg.Error):
        session.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="is disabled"):
        connect(tenant, settings)
    for _ in range(2):
        await pooler.enable(tenant.names.database)
    with connect(tenant, settings) as session:
        session.execute("SELECT 1")
    for act in (pooler.disable_and_kill, pooler.enable, pooler.reconnect):
        await act("capy_unknown")


async def test_an_entry_that_it_does_not_take_puts_everything_back(
    tenants: Tenants, pooler: Pooler, settings: PoolerSettings
) -> None:
    tenant = await tenants.claim()
    (entry,) = await apply_all(tenants, pooler)
    before = contents(settings)
    bad = PoolerEntry("not a name", (PoolerLogin("capy_bad", Secret("x")),), 3)
    for _ in range(2):
        with pytest.raises(TransientError) as raised:
            await pooler.apply([entry, bad])
        assert "not a name: there is no such entry" in raised.value.detail
        assert contents(settings) == before
    with connect(tenant, settings) as session:
        session.execute("SELECT 1")
    await pooler.apply([entry])


async def test_unchanged_entries_touch_nothing(tenants: Tenants, pooler: Pooler, settings: PoolerSettings) -> None:
    await tenants.claim()
    entries = await apply_all(tenants, pooler)
    before = {path: path.stat().st_mtime_ns for path in config_files(settings)}
    await pooler.apply(entries)
    assert {path: path.stat().st_mtime_ns for path in config_files(settings)} == before


async def test_a_pooler_that_is_away_is_told_and_its_files_stay(tenants: Tenants, settings: PoolerSettings) -> None:
    pooler = Pooler(settings, tenants.cluster.settings)
    await pooler.write_initial_files(pooler_version(settings.binary))
    before = contents(settings)
    assert await pooler.probe() is None
    with pytest.raises(UnreachableError, match="does not answer"):
        await pooler.apply([])
    assert contents(settings) == before
    missing = Pooler(settings.model_copy(update={"binary": Path("/nowhere/pgbouncer")}), tenants.cluster.settings)
    with pytest.raises(UnreachableError, match="install the package pgbouncer"):
        await missing.apply([])


async def test_a_restart_finds_the_entries_again(tenants: Tenants, settings: PoolerSettings) -> None:
    tenant = await tenants.claim()
    pooler = Pooler(settings, tenants.cluster.settings)
    await pooler.write_initial_files(pooler_version(settings.binary))
    process = start_pooler(settings)
    try:
        await apply_all(tenants, pooler)
        assert await pooler.probe() is not None
        process.stop()
        # As a daemon that starts anew would: what is there stays.
        await Pooler(settings, tenants.cluster.settings).write_initial_files(pooler_version(settings.binary))
        process = start_pooler(settings)
        with connect(tenant, settings) as session:
            session.execute("SELECT 1")
    finally:
        process.stop()


async def test_other_settings_count_from_the_next_start(tenants: Tenants, settings: PoolerSettings) -> None:
    tenant = await tenants.claim()
    pooler = Pooler(settings, tenants.cluster.settings)
    await pooler.write_initial_files(pooler_version(settings.binary))
    process = start_pooler(settings)
    await apply_all(tenants, pooler)
    process.stop()
    settings.console_password_file.write_text("another\n")
    moved = settings.model_copy(update={"port": free_port()})
    pooler = Pooler(moved, tenants.cluster.settings)
    await pooler.write_initial_files(pooler_version(settings.binary))
    process = start_pooler(moved)
    try:
        await pooler.apply(await list_pooler_entries(tenants.connections))
        with connect(tenant, moved) as session:
            session.execute("SELECT 1")
    finally:
        process.stop()


async def test_the_files_are_closed_to_others(pooler: Pooler, settings: PoolerSettings) -> None:
    assert {stat.S_IMODE(path.stat().st_mode) for path in config_files(settings)} == {0o640}


def config_files(settings: PoolerSettings) -> list[Path]:
    return [settings.config_dir / name for name in ("pgbouncer.ini", "databases.ini", "hba.conf", "users.txt")]


def contents(settings: PoolerSettings) -> list[bytes]:
    return [path.read_bytes() for path in config_files(settings)]
