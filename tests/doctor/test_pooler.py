"""What the pooler can know wrongly."""

from capyd.domain.findings import FindingKind
from tests.doctor.patient import Patient
from tests.servers import PoolerProcess


async def test_an_entry_that_nobody_should_have_is_taken_out(patient: Patient) -> None:
    await patient.project()
    await patient.edit_pooler("databases.ini", "[databases]\n", "[databases]\nledger = host=/tmp dbname=capyd\n")
    await patient.mend(FindingKind.STALE_POOLER_ENTRY, "ledger")


async def test_an_entry_with_another_size_is_put_right(patient: Patient) -> None:
    login = await patient.project()
    await patient.edit_pooler("databases.ini", "max_db_connections=10", "max_db_connections=500")
    assert (
        "500 connections, not 10" in (await patient.find(FindingKind.STALE_POOLER_ENTRY, login.names.database)).message
    )
    await patient.mend(FindingKind.STALE_POOLER_ENTRY, login.names.database)


async def test_an_entry_that_is_missing_is_put_back(patient: Patient) -> None:
    login = await patient.project()
    await patient.edit_pooler("databases.ini", f"\n{login.names.database} = ", f"\n;{login.names.database} = ")
    await patient.mend(FindingKind.MISSING_POOLER_ENTRY, login.names.database)
    with login.connect(pooled=True) as session:
        session.execute("SELECT")


async def test_a_pooler_that_is_away_is_said_to_be(patient: Patient, pooler_process: PoolerProcess) -> None:
    login = await patient.project()
    patient.do(f"ALTER ROLE {login.names.login} CONNECTION LIMIT 1")
    pooler_process.stop()
    found = await patient.repair()
    assert {(it.kind, it.repaired) for it in found} == {
        (FindingKind.WRONG_LIMITS, True),
        (FindingKind.POOLER_UNREACHABLE, False),
    }
