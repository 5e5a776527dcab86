"""What PostgreSQL's errors become, shown with errors that a server really raises."""

import asyncio
import time

import pytest
from psycopg import sql

from capyd.domain.failures import PermanentError, StepError, TransientError, UnreachableError
from capyd.domain.installed import ClusterFacts
from capyd.postgres.connections import AdminConnections
from capyd.postgres.errors import retried_on_concurrent_update, translated
from tests.servers import Cluster

RAISED = [
    ("40001", TransientError),  # serialization_failure
    ("40P01", TransientError),  # deadlock_detected
    ("55P03", TransientError),  # lock_not_available
    ("55006", TransientError),  # object_in_use
    ("57014", TransientError),  # query_canceled
    ("53100", TransientError),  # disk_full
    ("XX000", TransientError),  # internal_error
    ("53300", UnreachableError),  # too_many_connections
    ("57P03", UnreachableError),  # cannot_connect_now
    ("25006", UnreachableError),  # read_only_sql_transaction
    ("2BP01", PermanentError),  # dependent_objects_still_exist
    ("42501", PermanentError),  # insufficient_privilege
    ("23505", PermanentError),  # unique_violation
    ("P0001", PermanentError),  # raise_exception
]


@pytest.mark.parametrize(("sqlstate", "kind"), RAISED)
async def test_the_sqlstate_decides(
    connections: AdminConnections, facts: ClusterFacts, sqlstate: str, kind: type[StepError]
) -> None:
    statement = sql.SQL(
        "DO $$ BEGIN RAISE SQLSTATE {} USING MESSAGE = 'words', DETAIL = 'more', HINT = 'advice'; END $$"
    ).format(sql.Literal(sqlstate))
    with pytest.raises(StepError) as raised, translated("try it"):
        async with connections.ledger() as ledger:
            await ledger.execute(statement)
    assert type(raised.value) is kind
    assert "try it" in raised.value.summary
    assert "words" in raised.value.summary
    assert raised.value.detail == f"ERROR: words\nSQLSTATE: {sqlstate}\nDETAIL: more\nHINT: advice"


async def test_a_session_that_was_ended_is_a_server_that_is_away(
    connections: AdminConnections, facts: ClusterFacts
) -> None:
    with pytest.raises(UnreachableError), translated("go on"):
        async with connections.ledger() as ledger:
            await ledger.execute("SELECT pg_terminate_backend(pg_backend_pid())")


async def test_no_part_of_a_statement_is_told(connections: AdminConnections, facts: ClusterFacts) -> None:
    secret = "SCRAM-SHA-256$4096:secret"
    with pytest.raises(PermanentError) as raised, translated("set it"):
        async with connections.ledger() as ledger:
            await ledger.execute(f"ALTER ROLE nobody_here PASSWORD '{secret}' WRONG")
    failure = raised.value
    assert secret not in failure.summary + failure.detail
    assert failure.__cause__ is None
    assert failure.__suppress_context__


async def test_no_row_of_the_ledger_is_quoted(connections: AdminConnections, facts: ClusterFacts) -> None:
    with pytest.raises(PermanentError) as raised, translated("write it down"):
        async with connections.ledger() as ledger:
            await ledger.execute(
                """
                INSERT INTO capyd.tenants
                    (database_name, state, template, owner_oid, login_oid, login_name, sealed_password, verifier,
                     pool_size)
                VALUES ('capy_0000000000000000', 'claimed', 't', 1, 1, 'l', '', 'the-verifier', 1)
                """
            )
    assert "the-verifier" not in raised.value.summary + raised.value.detail
    assert "23514" in raised.value.detail


async def test_a_change_that_another_one_overtook_is_made_again(
    cluster: Cluster, connections: AdminConnections, facts: ClusterFacts
) -> None:
    attempts = 0

    async def change() -> None:
        nonlocal attempts
        attempts += 1
        async with connections.ledger() as ledger:
            await ledger.execute("ALTER ROLE capyd_platform SET work_mem = '8MB'")

    with cluster.connect() as other:
        other.execute("ALTER ROLE capyd_platform SET work_mem = '7MB'")
        with other.transaction():
            other.execute("ALTER ROLE capyd_platform SET work_mem = '9MB'")
            overtaken = asyncio.create_task(retried_on_concurrent_update(change))
            await asyncio.to_thread(wait_for_a_waiting_session, cluster)
    await overtaken
    assert attempts == 2
    with cluster.connect() as admin:
        setting = admin.execute("SELECT setconfig FROM pg_db_role_setting WHERE setrole = 'capyd_platform'::regrole")
        assert setting.fetchone() == (["work_mem=8MB"],)
        admin.execute("ALTER ROLE capyd_platform RESET work_mem")


def wait_for_a_waiting_session(cluster: Cluster) -> None:
    """Return when a session waits for another one's change."""
    with cluster.connect() as observer:
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'ALTER ROLE%'"
        while observer.execute(query).fetchone() != (1,):
            time.sleep(0.01)
