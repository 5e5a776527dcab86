"""capyd's lines among those of a cluster that was there before it."""

import pytest

from capyd.postgres.existing_access import UnfitRulesError, add_hba, add_ident, remove
from capyd.postgres.ident import remove_block, replace_block
from tests.servers import Cluster

DEBIAN = """\
# Database administrative login by Unix domain socket
local   all             postgres                                peer

# TYPE  DATABASE        USER            ADDRESS                 METHOD
local   all             all                                     peer
host    all             all             127.0.0.1/32            scram-sha-256
"""


@pytest.mark.parametrize("major", [15, 18])
def test_the_lines_stand_first_once_and_can_be_taken_out(major: int) -> None:
    with_ours = add_hba(DEBIAN, admin_role="capyd", major=major)
    assert with_ours.endswith(DEBIAN)
    assert add_hba(with_ours, admin_role="capyd", major=major) == with_ours
    assert remove(with_ours) == DEBIAN
    assert remove(DEBIAN) == DEBIAN


def test_the_daemons_own_lines_go_too() -> None:
    kept = replace_block(b"mine  me  mine\n", "capyd-pooler", ["capy_one", "capy_two"])
    assert remove_block(kept) == b"mine  me  mine\n"
    assert remove_block(b"mine  me  mine\n") == b"mine  me  mine\n"


def test_before_16_a_rule_for_everybody_is_only_put_before_one_that_does_the_same() -> None:
    with pytest.raises(UnfitRulesError, match="local all all md5"):
        add_hba("local all all md5\n", admin_role="capyd", major=15)
    add_hba("local all all md5\n", admin_role="capyd", major=16)
    add_hba("local all somebody md5\n" + DEBIAN, admin_role="capyd", major=15)


def test_the_server_takes_the_lines(cluster: Cluster) -> None:
    """The views read the files as they are on disk; nothing is reloaded."""
    major = cluster.installation.major
    hba, ident = cluster.data_dir / "pg_hba.conf", cluster.data_dir / "pg_ident.conf"
    before = hba.read_text(), ident.read_text()
    try:
        hba.write_text(add_hba(DEBIAN, admin_role="capyd", major=major))
        ident.write_text(
            add_ident("", admin_role="capyd", admin_os_user="capyd", pooler_os_user="capyd-pooler", major=major)
        )
        with cluster.connect() as connection:
            mistakes = connection.execute(
                "SELECT error FROM pg_hba_file_rules WHERE error IS NOT NULL"
                " UNION ALL SELECT error FROM pg_ident_file_mappings WHERE error IS NOT NULL"
            ).fetchall()
            rules = connection.execute("SELECT count(*) FROM pg_hba_file_rules").fetchone()
    finally:
        hba.write_text(before[0])
        ident.write_text(before[1])
    assert mistakes == []
    assert rules == (7 if major >= 16 else 6,)
