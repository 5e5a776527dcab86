"""The pooler's user map in pg_ident.conf."""

from pathlib import Path

import psycopg
import pytest

from capyd.domain.failures import PermanentError
from capyd.postgres.connections import AdminConnections
from capyd.postgres.ident import apply_ident, replace_block
from capyd.postgres.preparation import prepare_cluster
from tests.servers import Cluster


def test_what_stands_outside_the_block_stays_byte_for_byte() -> None:
    before = b"# mine\r\ncapyd_admin root capyd"
    once = replace_block(before, "pgbouncer", ["capy_b", "capy_a"])
    assert once.startswith(before + b"\n# capyd: begin")
    assert once.endswith(b"\ncapyd_pooler  pgbouncer  capy_a\ncapyd_pooler  pgbouncer  capy_b\n# capyd: end\n")
    after = replace_block(once + b"more\xff\n", "pgbouncer", [])
    assert after.endswith(b"# capyd: end\nmore\xff\n")
    assert b"capy_a" not in after
    assert replace_block(after, "pgbouncer", ["capy_b", "capy_a"]) == once + b"more\xff\n"


def let_in(cluster: Cluster, login: str) -> bool:
    """Whether the server's operating-system user, which the test's pooler runs as, may be `login`."""
    # Let in as far as its own rights go: CONNECT on a database is none of them.
    with pytest.raises(psycopg.OperationalError, match=r"Peer authentication failed|permission denied") as raised:
        cluster.connect(user=login)
    return "permission denied" in str(raised.value)


async def test_logins_are_mapped_when_it_returns_and_unmapped_again(
    own_cluster: Cluster, own_connections: AdminConnections
) -> None:
    if own_cluster.settings.ident_file is None:
        pytest.skip("the map is a pattern from PostgreSQL 16 on")
    await prepare_cluster(own_connections, default_extensions=())
    path = own_cluster.settings.ident_file
    outside, before = path.read_bytes(), path.stat()
    user = own_user()
    with own_cluster.connect() as admin:
        admin.execute("CREATE ROLE capy_a LOGIN")
        admin.execute("CREATE ROLE capy_b LOGIN")
    await apply_ident(own_connections, own_cluster.settings, user, ["capy_a"])
    assert (let_in(own_cluster, "capy_a"), let_in(own_cluster, "capy_b")) == (True, False)
    await apply_ident(own_connections, own_cluster.settings, user, ["capy_b"])
    assert (let_in(own_cluster, "capy_a"), let_in(own_cluster, "capy_b")) == (False, True)
    after = path.stat()
    assert path.read_bytes().startswith(outside)
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)


async def test_an_unchanged_map_is_not_written_again_but_loaded_if_it_was_not(
    own_cluster: Cluster, own_connections: AdminConnections
) -> None:
    path = own_cluster.settings.ident_file
    if path is None:
        pytest.skip("the map is a pattern from PostgreSQL 16 on")
    await prepare_cluster(own_connections, default_extensions=())
    with own_cluster.connect() as admin:
        admin.execute("CREATE ROLE capy_a LOGIN")
    # As a crash between the write and the reload would leave it.
    path.write_bytes(replace_block(path.read_bytes(), own_user(), ["capy_a"]))
    assert not let_in(own_cluster, "capy_a")
    await apply_ident(own_connections, own_cluster.settings, own_user(), ["capy_a"])
    assert let_in(own_cluster, "capy_a")
    written = path.stat()
    await apply_ident(own_connections, own_cluster.settings, own_user(), ["capy_a"])
    assert path.stat() == written


async def test_a_map_that_the_server_would_refuse_is_put_back(
    own_cluster: Cluster, own_connections: AdminConnections
) -> None:
    path = own_cluster.settings.ident_file
    if path is None:
        pytest.skip("the map is a pattern from PostgreSQL 16 on")
    spoiled = path.read_bytes() + b"only_a_map\n"
    path.write_bytes(spoiled)
    with pytest.raises(PermanentError) as raised:
        await apply_ident(own_connections, own_cluster.settings, own_user(), ["capy_a"])
    assert "missing entry" in raised.value.detail
    assert path.read_bytes() == spoiled


async def test_another_file_than_the_servers_is_refused(
    own_cluster: Cluster, own_connections: AdminConnections, tmp_path: Path
) -> None:
    path = tmp_path / "pg_ident.conf"
    path.touch()
    settings = own_cluster.settings.model_copy(update={"ident_file": path})
    with pytest.raises(PermanentError, match="reads its user map from"):
        await apply_ident(own_connections, settings, own_user(), ["capy_a"])
    assert path.read_bytes() == b""


def own_user() -> str:
    """Whoever runs the tests stands for the pooler here: a peer is who opens the socket."""
    return Path("~").expanduser().owner()
