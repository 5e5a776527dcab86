"""Passwords and verifiers."""

import re

from psycopg import sql

from capyd.postgres.scram import new_password, scram_verifier
from tests.servers import Cluster


def test_passwords_need_no_quoting_and_differ() -> None:
    passwords = {new_password().reveal() for _ in range(100)}
    assert len(passwords) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9]{32}", password) for password in passwords)


def test_the_same_password_never_has_the_same_verifier() -> None:
    password = new_password()
    assert scram_verifier(password) != scram_verifier(password)


def test_postgres_keeps_the_verifier_word_for_word_and_lets_the_password_in(cluster: Cluster) -> None:
    password = new_password()
    verifier = scram_verifier(password)
    with cluster.connect() as admin:
        admin.execute(sql.SQL("CREATE ROLE scram_test LOGIN PASSWORD {}").format(sql.Literal(verifier.reveal())))
        try:
            kept = admin.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'scram_test'").fetchone()
            # The ledger's database lets PUBLIC out once prepared, so log in to one that does not.
            admin.execute("CREATE DATABASE scram_test OWNER scram_test")
            as_tester = {"host": "127.0.0.1", "user": "scram_test", "password": password.reveal()}
            with cluster.connect("scram_test", **as_tester) as session:
                assert session.execute("SELECT 1").fetchone() == (1,)
        finally:
            admin.execute("DROP DATABASE IF EXISTS scram_test")
            admin.execute("DROP ROLE scram_test")
    assert kept == (verifier.reveal(),)
