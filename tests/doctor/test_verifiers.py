"""A tenant may change its own password. Then the pooler takes the new one, and nobody is handed the old one."""

import psycopg
import pytest

from capyd.config.settings import ClusterSettings
from capyd.domain.errors import ConflictError
from capyd.domain.findings import FindingKind
from capyd.domain.principals import PLATFORM_ADMINISTRATOR
from capyd.domain.secret import Secret
from capyd.domain.tenants import TenantNames
from capyd.host.sealing import Sealer
from capyd.postgres.repairs import adopt_verifier
from capyd.postgres.scram import scram_verifier
from capyd.sqlite.projects import forget_project_password
from capyd.usecases.connections import Connections
from tests.doctor.patient import Login, Patient
from tests.state import START

NEW = "of-my-own"


def change_password(login: Login, password: str | None) -> None:
    with login.connect() as session:
        session.execute("SET ROLE NONE")
        words = "NULL" if password is None else psycopg.sql.quote(password)
        session.execute(f"ALTER ROLE {login.names.login} PASSWORD {words}")


def works(login: Login, password: str, *, pooled: bool) -> bool:
    try:
        with login.connect(password=password, pooled=pooled) as session:
            session.execute("SELECT")
    except psycopg.OperationalError:
        return False
    return True


async def test_a_password_that_the_tenant_changed_is_adopted(patient: Patient) -> None:
    login, other = await patient.project(), await patient.project()
    change_password(login, NEW)
    assert works(login, NEW, pooled=False)
    assert not works(login, NEW, pooled=True)
    await patient.mend(FindingKind.CHANGED_VERIFIER, login.names.database)
    for pooled in (False, True):
        assert works(login, NEW, pooled=pooled)
        assert not works(login, login.password, pooled=pooled)
        assert works(other, other.password, pooled=pooled)


async def test_no_dead_url_is_handed_out(patient: Patient) -> None:
    login, other = await patient.project(), await patient.project()
    connections = Connections(
        database=patient.database,
        sealer=Sealer(bytes(32)),
        cluster=ClusterSettings(id="cls_doctor"),
        pooled_ssl_mode="disable",
    )
    change_password(login, NEW)
    await patient.mend(FindingKind.CHANGED_VERIFIER, login.names.database)
    with pytest.raises(ConflictError, match="cannot be shown") as refused:
        await connections.get(PLATFORM_ADMINISTRATOR, login.project_id)
    assert refused.value.code == "password_unknown"
    known = await connections.get(PLATFORM_ADMINISTRATOR, other.project_id)
    assert other.password in known.direct.reveal()
    assert patient.ask(
        "SELECT sealed_password IS NULL FROM capyd.tenants WHERE database_name = %s", login.names.database
    ) == [(True,)]


async def test_an_adoption_that_was_cut_off_is_finished(patient: Patient) -> None:
    login = await patient.project()
    change_password(login, NEW)
    sealed = (await patient.get(login.project_id)).sealed_password
    assert sealed is not None
    async with patient.database.transaction() as tx:
        await forget_project_password(tx, login.project_id, sealed_password=sealed, now=START)
    await patient.mend(FindingKind.CHANGED_VERIFIER, login.names.database)
    assert works(login, NEW, pooled=True)


async def test_a_password_that_the_state_takes_for_known_and_the_ledger_does_not_is_forgotten(patient: Patient) -> None:
    login = await patient.project()
    patient.do("UPDATE capyd.tenants SET sealed_password = NULL")
    await patient.mend(FindingKind.STALE_CREDENTIAL, login.names.database)
    assert (await patient.get(login.project_id)).sealed_password is None


async def test_a_password_that_was_taken_away_is_reported(patient: Patient) -> None:
    login = await patient.project()
    change_password(login, None)
    await patient.leave(FindingKind.CHANGED_VERIFIER, login.names.database)


async def test_a_verifier_that_would_write_into_the_poolers_file_is_not_adopted(patient: Patient) -> None:
    login, other = await patient.project(), await patient.project()
    crafted = scram_verifier(Secret(NEW)).reveal().replace("$4096", "$\n4096")
    change_password(login, crafted)
    # PostgreSQL takes it for a verifier, and keeps it word for word.
    assert patient.ask("SELECT rolpassword FROM pg_authid WHERE rolname = %s", login.names.login) == [(crafted,)]
    assert works(login, NEW, pooled=False)
    await patient.leave(FindingKind.CHANGED_VERIFIER, login.names.database)
    # Not even by way of the ledger.
    patient.do("UPDATE capyd.tenants SET verifier = rolpassword FROM pg_authid WHERE login_oid = oid")
    patient.engine.pooler.distrust()
    await patient.engine.pooler_sync.sync()
    assert works(other, other.password, pooled=True)
    assert not works(login, NEW, pooled=True)


async def test_only_the_verifiers_that_were_seen_are_swapped(patient: Patient) -> None:

    login = await patient.project()
    (known,) = patient.ask("SELECT verifier FROM capyd.tenants")[0]
    names: TenantNames = login.names
    stale = scram_verifier(Secret("stale"))
    for one, other in ((Secret(known), stale), (stale, Secret(known))):
        assert not await adopt_verifier(patient.engine.connections, names, known=one, seen=other)
    assert patient.ask("SELECT verifier, sealed_password IS NULL FROM capyd.tenants") == [(known, False)]
