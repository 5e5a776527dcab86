"""The configuration as text, and the pure parts around it."""

from pathlib import Path
from typing import Any

import pytest

from capyd.config.settings import PoolerSettings, PostgresSettings
from capyd.domain.failures import PermanentError
from capyd.domain.secret import Secret
from capyd.domain.tenants import PoolerEntry, PoolerLogin
from capyd.pgbouncer.comparison import find_differences, find_other_parameters
from capyd.pgbouncer.files import read_console_password
from capyd.pgbouncer.parameters import list_entry_parameters, list_parameters
from capyd.pgbouncer.render import render, render_ini
from capyd.pgbouncer.version import Version, parse_version

POSTGRES = PostgresSettings(socket_dir=Path("/run/pg"), port=5433)
POOLER = PoolerSettings(config_dir=Path("/etc/pooler"))
CERTIFIED = POOLER.model_copy(update={"tls_certificate_file": Path("/c"), "tls_key_file": Path("/k")})
ENTRIES = [
    PoolerEntry("capy_b", (PoolerLogin("capy_b", Secret("SCRAM-SHA-256$4096:b")),), 10),
    PoolerEntry("capy_a", (PoolerLogin("capy_a", Secret("SCRAM-SHA-256$4096:a")),), 20),
]


def test_the_files_whole() -> None:
    files = render(
        ENTRIES, version=(1, 18, 0), pooler=POOLER, postgres=POSTGRES, console_password=Secret("console-word")
    )
    assert files["databases.ini"].decode() == (
        "; written by capyd, anew with every change\n"
        "[databases]\n"
        "capy_a = host=/run/pg port=5433 pool_size=20 max_db_connections=20\n"
        "capy_b = host=/run/pg port=5433 pool_size=10 max_db_connections=10\n"
    )
    assert files["hba.conf"].decode() == (
        "# written by capyd, anew with every change\n"
        "local pgbouncer capyd_console scram-sha-256\n"
        "host capy_a capy_a 0.0.0.0/0 scram-sha-256\n"
        "host capy_a capy_a ::/0 scram-sha-256\n"
        "host capy_b capy_b 0.0.0.0/0 scram-sha-256\n"
        "host capy_b capy_b ::/0 scram-sha-256\n"
    )
    assert files["users.txt"].decode() == (
        "; written by capyd, anew with every change\n"
        '"capyd_console" "console-word"\n'
        '"capy_a" "SCRAM-SHA-256$4096:a"\n'
        '"capy_b" "SCRAM-SHA-256$4096:b"\n'
    )
    assert b"%include /etc/pooler/databases.ini\n" in files["pgbouncer.ini"]


def test_the_order_of_the_entries_does_not_matter() -> None:
    one, other = (
        render(entries, version=(1, 18, 0), pooler=POOLER, postgres=POSTGRES, console_password=Secret("word"))
        for entries in (ENTRIES, ENTRIES[::-1])
    )
    assert one == other


# The first version that knows a setting, by PgBouncer's NEWS; those that are not here are older than 1.18.
FIRST_KNOWN = {
    "max_prepared_statements": (1, 21, 0),
}
VERSIONS = [(1, 18, 0), (1, 19, 1), (1, 20, 1), (1, 21, 0), (1, 22, 1), (1, 23, 1), (1, 24, 1), (1, 25, 2)]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_setting_is_rendered_for_the_versions_that_know_it_and_for_all_of_them(version: Version) -> None:
    names = set(list_parameters(CERTIFIED, version, console_user="capyd_console"))
    oldest = set(list_parameters(CERTIFIED, VERSIONS[0], console_user="capyd_console"))
    assert names - oldest == {name for name, first in FIRST_KNOWN.items() if first <= version}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_clients_of_an_entry_are_limited_by_the_versions_that_can(version: Version) -> None:
    limits = list_entry_parameters(ENTRIES[0], POOLER, version)
    assert limits.pop("max_db_client_connections", None) == (200 if version >= (1, 24, 0) else None)
    assert limits == {"pool_size": 10, "max_db_connections": 10}


def test_tls_is_demanded_where_there_is_a_certificate() -> None:
    text = render_ini(CERTIFIED, (1, 18, 0))
    assert "client_tls_sslmode = require\nclient_tls_cert_file = /c\nclient_tls_key_file = /k\n" in text
    assert "tls" not in render_ini(POOLER, (1, 18, 0))


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("PgBouncer 1.18.0\nlibevent 2.1.12-stable\n", (1, 18, 0)),
        ("PgBouncer 1.25.2", (1, 25, 2)),
    ],
)
def test_versions_as_the_program_tells_them(text: str, version: tuple[int, int, int]) -> None:
    assert parse_version(text) == version


def test_another_program_is_not_taken_for_it() -> None:
    with pytest.raises(PermanentError):
        parse_version("pgpool-II version 4.3.5")


def test_differences_are_told_a_line_each() -> None:
    databases: list[dict[str, Any]] = [
        {"name": "pgbouncer", "host": None, "port": 6432, "database": "pgbouncer", "pool_size": 2},
        {
            "name": "capy_a",
            "host": "/run/pg",
            "port": 5433,
            "database": "capy_a",
            "pool_size": 7,
            "max_connections": 20,
        },
        {"name": "capy_old", "host": "/run/pg", "port": 5433, "database": "capy_old", "pool_size": 7},
    ]
    differences = find_differences(
        ENTRIES,
        version=(1, 18, 0),
        pooler=POOLER,
        postgres=POSTGRES,
        databases=databases,
        users=[{"name": "capy_a"}],
    )
    assert differences == [
        "capy_a: pool_size is 7, not 20",
        "capy_b: there is no such entry",
        "capy_b: there is no such user",
        "capy_old: an entry that should not be there",
    ]


def test_parameters_that_differ_are_told_by_what_would_change_them() -> None:
    config = [
        {"key": "pool_mode", "value": "session", "changeable": "yes"},
        {"key": "listen_port", "value": "6432", "changeable": "no"},
        {"key": "log_connections", "value": "0", "changeable": "yes"},
    ]
    wanted = {"pool_mode": "transaction", "listen_port": 6433, "log_connections": 0, "max_prepared_statements": 200}
    assert find_other_parameters(wanted, config) == (
        ["pool_mode is session, not transaction", "max_prepared_statements: there is no such parameter"],
        ["listen_port is 6432, not 6433"],
    )


@pytest.mark.parametrize("text", ["", "\n", "two words\n", 'a"b\n', "a\nb\n"])
def test_a_console_password_that_the_auth_file_cannot_hold_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "console.password"
    path.write_text(text)
    with pytest.raises(PermanentError):
        read_console_password(path)
