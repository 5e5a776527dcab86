"""Preparing a cluster: once, again, after a crash, and where it must refuse."""

import pytest

from capyd.domain.extensions import DEFAULT_EXTENSIONS
from capyd.domain.failures import PermanentError, UnreachableError
from capyd.domain.installed import ClusterFacts
from capyd.postgres.connections import AdminConnections
from capyd.postgres.preparation import prepare_cluster
from tests.servers import Cluster


async def test_it_tells_what_the_cluster_carries(cluster: Cluster, facts: ClusterFacts) -> None:
    with cluster.connect() as admin:
        (identifier,) = admin.execute("SELECT system_identifier::text FROM pg_control_system()").fetchone() or ("",)
    assert facts.system_identifier == identifier
    assert facts.major == cluster.installation.major
    assert facts.server_version.startswith(f"{facts.major}.")
    assert facts.extensions["citext"].trusted
    assert not facts.extensions["file_fdw"].trusted
    assert facts.extensions["hstore"].description


async def test_again_it_changes_nothing(cluster: Cluster, connections: AdminConnections, facts: ClusterFacts) -> None:
    with cluster.connect() as admin:
        query = "SELECT datname, oid, datacl::text, datistemplate, datallowconn FROM pg_database ORDER BY oid"
        before = admin.execute(query).fetchall()
        assert await prepare_cluster(connections, default_extensions=DEFAULT_EXTENSIONS) == facts
        assert admin.execute(query).fetchall() == before


async def test_public_gets_into_no_database_of_the_cluster(cluster: Cluster, facts: ClusterFacts) -> None:
    with cluster.connect() as admin:
        admin.execute("CREATE ROLE stranger")
        try:
            open_to_all = admin.execute(
                """
                SELECT datname FROM pg_database
                WHERE datallowconn AND has_database_privilege('stranger', oid, 'CONNECT')
                """
            ).fetchall()
        finally:
            admin.execute("DROP ROLE stranger")
    assert open_to_all == []


async def test_the_template_has_the_extensions_that_are_there_and_lets_nobody_in(
    cluster: Cluster, facts: ClusterFacts
) -> None:
    with cluster.connect() as admin:
        marks = admin.execute(
            "SELECT datistemplate, datallowconn, pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s",
            [facts.template],
        ).fetchone()
        admin.execute(f"CREATE DATABASE look_inside TEMPLATE {facts.template}")
        try:
            with cluster.connect("look_inside") as inside:
                installed = {
                    name
                    for (name,) in inside.execute(
                        "SELECT extname FROM pg_extension WHERE extnamespace = 'public'::regnamespace"
                    )
                }
        finally:
            admin.execute("DROP DATABASE look_inside")
    assert marks == (True, False, "capyd_platform")
    assert installed == set(DEFAULT_EXTENSIONS) & set(facts.extensions)


async def test_an_unfinished_template_is_built_anew(own_cluster: Cluster, own_connections: AdminConnections) -> None:
    finished = await prepare_cluster(own_connections, default_extensions=["pg_trgm"])
    with own_cluster.connect() as admin:
        # As a crash would leave it between its creation and its mark.
        admin.execute(f"ALTER DATABASE {finished.template} IS_TEMPLATE false ALLOW_CONNECTIONS true")
        with own_cluster.connect(finished.template) as inside:
            inside.execute("DROP EXTENSION pg_trgm")
        assert await prepare_cluster(own_connections, default_extensions=["pg_trgm"]) == finished
        admin.execute(f"CREATE DATABASE look_inside TEMPLATE {finished.template}")
    with own_cluster.connect("look_inside") as inside:
        assert inside.execute("SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'").fetchone() == (1,)


async def test_a_finished_template_is_known_again_after_the_ledger_was_lost(
    own_cluster: Cluster, own_connections: AdminConnections
) -> None:
    facts = await prepare_cluster(own_connections, default_extensions=())
    with own_cluster.connect("capyd") as ledger:
        ledger.execute("DELETE FROM capyd.templates")
        assert await prepare_cluster(own_connections, default_extensions=()) == facts
        assert ledger.execute("SELECT database_name FROM capyd.templates").fetchall() == [(facts.template,)]


async def test_a_strangers_template_that_the_ledger_does_not_know_is_left_alone(
    own_cluster: Cluster, own_connections: AdminConnections
) -> None:
    facts = await prepare_cluster(own_connections, default_extensions=())
    with own_cluster.connect("capyd") as ledger:
        ledger.execute("DELETE FROM capyd.templates")
        ledger.execute(f"ALTER DATABASE {facts.template} OWNER TO capyd")
    with pytest.raises(PermanentError, match="left alone"):
        await prepare_cluster(own_connections, default_extensions=())
    with own_cluster.connect() as admin:
        found = admin.execute("SELECT count(*) FROM pg_database WHERE datname = %s", [facts.template])
        assert found.fetchone() == (1,)


async def test_other_contents_make_another_template_and_the_old_one_goes(
    own_cluster: Cluster, own_connections: AdminConnections
) -> None:
    with own_cluster.connect() as admin:
        admin.execute("CREATE DATABASE capy_template_0123456789abcdef")
        old = await prepare_cluster(own_connections, default_extensions=["pg_trgm"])
        new = await prepare_cluster(own_connections, default_extensions=["pg_trgm", "citext"])
        names = {
            name for (name,) in admin.execute("SELECT datname FROM pg_database WHERE datname LIKE 'capy_template_%'")
        }
    assert old.template != new.template
    # The first is a stranger's, whatever its name: the ledger does not know it.
    assert names == {"capy_template_0123456789abcdef", new.template}


async def test_a_standby_is_waited_for(own_cluster: Cluster, own_connections: AdminConnections) -> None:
    own_cluster.stop()
    (own_cluster.data_dir / "standby.signal").touch()
    own_cluster.start()
    with pytest.raises(UnreachableError, match="standby"):
        await prepare_cluster(own_connections, default_extensions=())


async def test_an_administrator_without_the_means_is_told_what_it_needs(
    own_cluster: Cluster,
) -> None:
    with own_cluster.connect() as admin:
        admin.execute("CREATE ROLE plain LOGIN CREATEDB CREATEROLE")
        (own_cluster.data_dir / "pg_hba.conf").write_text("local all all trust\n")
        admin.execute("SELECT pg_reload_conf()")
    settings = own_cluster.settings.model_copy(update={"admin_role": "plain"})
    connections = AdminConnections(settings)
    with pytest.raises(PermanentError, match="ALTER ROLE plain SUPERUSER"):
        await prepare_cluster(connections, default_extensions=())


async def test_a_strangers_database_of_the_ledgers_name_is_left_alone(
    own_cluster: Cluster, own_connections: AdminConnections
) -> None:
    with own_cluster.connect() as admin:
        admin.execute("CREATE DATABASE capyd")
    with pytest.raises(PermanentError, match="the database capyd belongs to capyd"):
        await prepare_cluster(own_connections, default_extensions=())
    with own_cluster.connect("capyd") as stranger:
        assert stranger.execute("SELECT to_regnamespace('capyd')").fetchone() == (None,)


async def test_a_ledger_of_a_newer_version_is_refused(own_cluster: Cluster, own_connections: AdminConnections) -> None:
    await prepare_cluster(own_connections, default_extensions=())
    with own_cluster.connect("capyd") as ledger:
        ledger.execute("UPDATE capyd.ledger_version SET version = 99")
    with pytest.raises(PermanentError, match="version 99"):
        await prepare_cluster(own_connections, default_extensions=())
