"""What can be off about projects. Limits are mended; a project's data is never touched, whatever is off."""

import pytest

from capyd.domain.findings import FindingKind
from capyd.domain.projects import ProjectState
from tests.doctor.patient import Login, Patient
from tests.state import add_job

SPOILED = [
    ("ALTER ROLE {} NOLOGIN", "is NOLOGIN"),
    ("ALTER ROLE {} CONNECTION LIMIT -1", "login's connection limit is -1, not 15"),
    ("ALTER ROLE {} SUPERUSER CREATEROLE", "is SUPERUSER and CREATEROLE"),
    ("ALTER ROLE {}_owner CREATEDB REPLICATION BYPASSRLS", "is CREATEDB and REPLICATION and BYPASSRLS"),
    ("ALTER ROLE {} SET statement_timeout = 0", "statement_timeout is 0, not 30000"),
    ("ALTER ROLE {0} IN DATABASE {0} SET statement_timeout = '1h'", "statement_timeout is 1h, not 30000"),
    ("ALTER ROLE {} RESET ALL", "role is not set"),
    ("REVOKE {0}_owner FROM {0}", "no member of the owner role"),
    ("ALTER DATABASE {} CONNECTION LIMIT -1", "database's connection limit is -1, not 15"),
    ("ALTER DATABASE {} OWNER TO {0}_owner", "belongs to"),
    ("ALTER DATABASE {} ALLOW_CONNECTIONS false", "allows no connections"),
    ("ALTER DATABASE {} IS_TEMPLATE true", "is a template"),
    ("GRANT CONNECT ON DATABASE {} TO PUBLIC", "open to PUBLIC"),
    ("REVOKE CREATE ON DATABASE {0} FROM {0}_owner", "lacks privileges"),
    ("UPDATE capyd.tenants SET pool_size = 1", "pool size is 1, not 10"),
]


def fill(login: Login) -> None:
    """Give the project something to lose."""
    with login.connect() as session:
        session.execute("CREATE TABLE precious AS SELECT 42 AS answer")


def check_unharmed(login: Login) -> None:
    for pooled in (False, True):
        with login.connect(pooled=pooled) as session:
            assert session.execute("SELECT answer, current_user FROM precious").fetchone() == (42, login.names.owner)


async def test_wrong_limits_are_found_and_mended(patient: Patient) -> None:
    login = await patient.project()
    fill(login)
    for statement, said in SPOILED:
        patient.do(statement.replace("{}", "{0}").format(login.names.database))
        found = {it.kind: it for it in await patient.findings()}
        assert said in found[FindingKind.WRONG_LIMITS].message
        assert found[FindingKind.WRONG_LIMITS].project_id == login.project_id
        assert all(it.repaired for it in await patient.repair()), statement
        assert await patient.repair() == []
        check_unharmed(login)
    with login.connect() as session:
        assert session.execute("SHOW statement_timeout").fetchone() == ("30s",)


async def test_a_project_that_a_job_is_about_to_change_is_left_to_it(patient: Patient) -> None:
    login = await patient.project()
    patient.do(f"ALTER ROLE {login.names.login} CONNECTION LIMIT 3")
    observation = await patient.observer.look()
    found = await patient.find(FindingKind.WRONG_LIMITS, login.names.database)
    await add_job(patient.database, "job_1", project_id=login.project_id)
    assert await patient.repair() == []
    # Also when the job was accepted after the comparison.
    await patient.repairer.repair([found], observation)
    assert patient.ask("SELECT rolconnlimit FROM pg_roles WHERE rolname = %s", login.names.login) == [(3,)]


async def test_a_dropped_database_is_reported_and_not_made_anew(patient: Patient) -> None:
    login, other = await patient.project(), await patient.project()
    fill(other)
    patient.do(f"DROP DATABASE {login.names.database} WITH (FORCE)")
    left = await patient.leave(FindingKind.DATABASE_MISSING, login.names.database)
    assert left.project_id == login.project_id
    assert patient.ask("SELECT FROM pg_database WHERE datname = %s", login.names.database) == []
    assert (await patient.get(login.project_id)).state is ProjectState.READY
    check_unharmed(other)


async def test_an_interrupted_drop_by_hand_is_reported(patient: Patient) -> None:
    login = await patient.project()
    patient.invalidate(login.names)
    await patient.leave(FindingKind.INVALID_DATABASE, login.names.database)
    assert len(patient.ask("SELECT FROM pg_database WHERE datname = %s", login.names.database)) == 1


async def test_a_dropped_role_is_reported(patient: Patient) -> None:
    login = await patient.project()
    patient.do(f"DROP ROLE {login.names.login}")
    left = await patient.leave(FindingKind.ROLE_MISSING, login.names.database)
    assert login.names.login in left.message


async def test_what_was_renamed_is_reported(patient: Patient) -> None:
    login = await patient.project()
    fill(login)
    patient.do(f"ALTER DATABASE {login.names.database} RENAME TO mine")
    left = await patient.leave(FindingKind.RENAMED_OBJECT, login.names.database)
    assert "mine" in left.message
    patient.do(f"ALTER DATABASE mine RENAME TO {login.names.database}")
    assert await patient.findings() == []
    check_unharmed(login)


async def test_a_ready_project_without_a_tenant_is_reported(patient: Patient) -> None:
    login = await patient.project()
    fill(login)
    patient.do("CREATE TABLE kept AS SELECT * FROM capyd.tenants", "DELETE FROM capyd.tenants")
    await patient.engine.pooler_sync.sync()
    found = await patient.repair()
    assert {(it.kind, it.subject) for it in found} == {
        (FindingKind.PROJECT_WITHOUT_TENANT, login.project_id),
        (FindingKind.FOREIGN_OBJECT, login.names.database),
        (FindingKind.FOREIGN_OBJECT, login.names.owner),
    }
    assert not any(it.safe_to_repair or it.repaired for it in found)
    patient.do("INSERT INTO capyd.tenants SELECT * FROM kept", "DROP TABLE kept")
    await patient.engine.pooler_sync.sync()
    check_unharmed(login)


async def test_a_tenant_whose_project_nobody_knows_is_reported_and_stays(patient: Patient) -> None:
    login = await patient.project()
    fill(login)
    await patient.set_state(login.project_id, ProjectState.DELETED)
    left = await patient.leave(FindingKind.TENANT_WITHOUT_PROJECT, login.names.database)
    assert left.project_id == login.project_id
    check_unharmed(login)


async def test_a_deletion_that_stopped_is_reported(patient: Patient) -> None:
    login = await patient.project()
    fill(login)
    await patient.set_state(login.project_id, ProjectState.DELETING, "a slot was in use")
    assert "a slot was in use" in (await patient.leave(FindingKind.UNFINISHED_DELETION, login.project_id)).message
    check_unharmed(login)
    # Of a project that the state does not know at all, too.
    await patient.set_state(login.project_id, ProjectState.DELETED)
    patient.do("UPDATE capyd.tenants SET state = 'deleting'")
    await patient.engine.pooler_sync.sync()
    await patient.leave(FindingKind.UNFINISHED_DELETION, login.names.database)
    assert len(patient.ask("SELECT FROM pg_database WHERE datname = %s", login.names.database)) == 1


@pytest.mark.parametrize("what", ["DATABASE", "ROLE"])
async def test_a_stranger_with_such_a_name_is_never_touched(patient: Patient, what: str) -> None:
    name = "capy_stranger0000000"
    patient.do(f"CREATE {what} {name}")
    try:
        await patient.leave(FindingKind.FOREIGN_OBJECT, name)
        patient.do(f"COMMENT ON {what} {name} IS 'still there'")
    finally:
        patient.do(f"DROP {what} {name}")


async def test_what_has_no_such_name_is_not_even_mentioned(patient: Patient) -> None:
    patient.do("CREATE ROLE customer SUPERUSER LOGIN", "CREATE DATABASE shop OWNER customer")
    try:
        assert await patient.repair() == []
        assert patient.ask("SELECT rolsuper FROM pg_roles WHERE rolname = 'customer'") == [(True,)]
    finally:
        patient.do("DROP DATABASE shop", "DROP ROLE customer")
