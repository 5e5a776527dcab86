"""What can be off about spares, and about what never became one. All of it is nobody's, and so is mended."""

import asyncio

import pytest

from capyd.domain.findings import FindingKind
from tests.doctor.patient import Patient
from tests.stack.polling import until

LEFT = """
    SELECT datname FROM pg_database WHERE datname LIKE 'capy\\_%' AND NOT datistemplate
    UNION ALL SELECT rolname FROM pg_roles WHERE rolname LIKE 'capy\\_%'
    UNION ALL SELECT database_name FROM capyd.tenants
"""


async def test_nothing_is_off_with_a_spare_and_a_project(patient: Patient) -> None:
    await patient.project()
    await patient.spare()
    report = await patient.reconciler.check(repair=True)
    assert report.findings == ()
    assert (report.compared.projects, report.compared.tenants, report.compared.roles) == (1, 2, 4)
    # The template counts as a database.
    assert (report.compared.databases, report.compared.pooler_entries) == (3, 2)


@pytest.mark.parametrize("has_database", [True, False])
async def test_a_build_that_nobody_goes_on_with_is_dropped(patient: Patient, has_database: bool) -> None:
    names = await patient.spare()
    patient.do("UPDATE capyd.tenants SET state = 'building', database_oid = NULL")
    if not has_database:
        patient.do(f"DROP DATABASE {names.database}")
    await patient.engine.pooler_sync.sync()
    await patient.mend(FindingKind.HALF_BUILT, names.database)
    assert patient.ask(LEFT) == []


async def test_a_spare_whose_drop_was_interrupted_is_dropped(patient: Patient) -> None:
    names = await patient.spare()
    patient.invalidate(names)
    await patient.mend(FindingKind.INVALID_DATABASE, names.database)
    assert patient.ask(LEFT) == []


async def test_roles_of_a_spare_whose_database_was_dropped_go(patient: Patient) -> None:
    names = await patient.spare()
    patient.do(f"DROP DATABASE {names.database}")
    await patient.mend(FindingKind.ROLES_WITHOUT_DATABASE, names.database)
    assert patient.ask(LEFT) == []


async def test_a_spare_that_lacks_a_role_goes(patient: Patient) -> None:
    names = await patient.spare()
    patient.do(f"DROP ROLE {names.login}")
    await patient.mend(FindingKind.ROLE_MISSING, names.database)
    assert patient.ask(LEFT) == []


async def test_a_database_that_took_a_spares_name_is_never_dropped(patient: Patient) -> None:
    names = await patient.spare()
    patient.do(f"DROP DATABASE {names.database}", f"CREATE DATABASE {names.database}")
    patient.do("CREATE TABLE precious ()", database=names.database)
    try:
        for findings in (await patient.findings(), await patient.repair()):
            assert {(it.kind, it.subject, it.safe_to_repair, it.repaired) for it in findings} == {
                (FindingKind.ROLES_WITHOUT_DATABASE, names.database, False, False),
                (FindingKind.FOREIGN_OBJECT, names.database, False, False),
            }
        patient.ask("SELECT FROM precious", database=names.database)
    finally:
        patient.do(f"DROP DATABASE {names.database}")


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("ALTER ROLE {} LOGIN", "is LOGIN"),
        ("ALTER ROLE {} SUPERUSER", "SUPERUSER"),
        ("ALTER ROLE {} PASSWORD 'another'", "password is not the one"),
        ("ALTER ROLE {}_owner LOGIN", "is LOGIN"),
        ("ALTER ROLE {} CONNECTION LIMIT 5", "connection limit is 5, not 0"),
        ("ALTER DATABASE {} CONNECTION LIMIT 5", "connection limit is 5, not 0"),
        ("GRANT CONNECT ON DATABASE {} TO PUBLIC", "open to PUBLIC"),
    ],
)
async def test_a_spare_that_was_opened_is_sealed_again(patient: Patient, statement: str, said: str) -> None:
    names = await patient.spare()
    patient.do(statement.format(names.database))
    assert said in (await patient.find(FindingKind.WRONG_LIMITS, names.database)).message
    await patient.mend(FindingKind.WRONG_LIMITS, names.database)


async def test_what_is_being_built_is_not_off(patient: Patient) -> None:
    with patient.cluster.connect() as blocker:
        blocker.execute("BEGIN")
        blocker.execute("LOCK TABLE pg_database IN SHARE MODE")  # CREATE DATABASE waits
        building = asyncio.create_task(patient.engine.spares.build())
        await until(lambda: _states(patient), lambda states: states == [("building",)])
        assert await patient.repair() == []
        blocker.execute("COMMIT")
    await building
    assert await _states(patient) == [("spare",)]


async def _states(patient: Patient) -> list[tuple[str]]:
    return patient.ask("SELECT state FROM capyd.tenants")
