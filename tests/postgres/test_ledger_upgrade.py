"""A ledger of an older version comes along."""

from importlib import resources

from capyd.domain.extensions import DEFAULT_EXTENSIONS
from capyd.postgres.connections import AdminConnections
from capyd.postgres.preparation import LEDGER_VERSION, prepare_cluster
from tests.servers import installations, running_cluster


async def test_version_1_with_a_tenant_in_it() -> None:
    with running_cluster(installations()["pg15"]) as cluster:
        with cluster.connect() as administrator:
            administrator.execute("CREATE ROLE capyd_platform NOLOGIN")
            administrator.execute("CREATE DATABASE capyd OWNER capyd_platform")
        with cluster.connect("capyd") as ledger:
            ledger.execute(resources.files("capyd.postgres").joinpath("ledger.sql").read_bytes())
            ledger.execute(
                """
                INSERT INTO capyd.tenants
                    (database_name, state, template, owner_oid, login_oid, verifier, pool_size, database_oid,
                     project_id, organization_id, specification, claimed_at)
                VALUES ('capy_0000000000000000', 'claimed', 't', 1, 2, 'v', 10, 3, 'prj_1', 'org_1', '{}', now())
                """
            )
        connections = AdminConnections(cluster.settings)
        await connections.open()
        try:
            for _ in range(2):
                await prepare_cluster(connections, default_extensions=DEFAULT_EXTENSIONS)
        finally:
            await connections.close()
        with cluster.connect("capyd") as ledger:
            assert ledger.execute("SELECT version FROM capyd.ledger_version").fetchall() == [(LEDGER_VERSION,)]
            tenants = ledger.execute("SELECT login_name, retiring_name, project_id FROM capyd.tenants").fetchall()
        assert tenants == [("capy_0000000000000000", None, "prj_1")]
