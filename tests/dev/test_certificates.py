"""The stack's own certificate authority."""

import os
import ssl
import stat
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from capyd.dev.certificates import CertificateFiles, ensure_certificates
from capyd.host.users import current_user

NOW = datetime.now(UTC)


@pytest.fixture
def files(tmp_path: Path) -> CertificateFiles:
    names = ("ca.crt", "ca.key", "server.crt", "server.key")
    return CertificateFiles(*(tmp_path / name for name in names))


def ensure(files: CertificateFiles, *, now: datetime = NOW) -> list[bytes]:
    """Ensure them, and return what the four files hold, the authority's two first."""
    ensure_certificates(files, server_user=current_user(), now=now)
    return [path.read_bytes() for path in (files.authority, files.authority_key, files.certificate, files.key)]


def test_a_second_start_keeps_them(files: CertificateFiles) -> None:
    assert ensure(files) == ensure(files)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (files.authority_key, files.key)] == [0o600, 0o600]
    assert files.key.stat().st_uid == os.geteuid()


def test_a_client_that_is_strict_takes_it_for_loopback_names_alone(files: CertificateFiles) -> None:
    ensure(files)
    for host, trusted in (("localhost", True), ("127.0.0.1", True), ("::1", True), ("example.com", False)):
        assert shakes_hands(files, host) is trusted, host


def test_the_servers_certificate_is_renewed_and_the_authority_stays(files: CertificateFiles) -> None:
    before = ensure(files)
    later = ensure(files, now=NOW + timedelta(days=800))
    assert later[:2] == before[:2]
    assert later[2] != before[2]
    assert x509.load_pem_x509_certificate(later[2]).not_valid_after_utc > NOW + timedelta(days=1500)


@pytest.mark.parametrize("name", ["authority", "authority_key", "certificate", "key"])
@pytest.mark.parametrize("left", [None, b"", b"half of a file"])
def test_whatever_a_killed_start_left_is_made_whole(files: CertificateFiles, name: str, left: bytes | None) -> None:
    ensure(files)
    path: Path = getattr(files, name)
    path.unlink() if left is None else path.write_bytes(left)
    ensure(files)
    assert shakes_hands(files, "localhost")


def shakes_hands(files: CertificateFiles, host: str) -> bool:
    """Whether a client of this name and trust, as strict as can be, takes what a server with these files shows."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(files.certificate, files.key)
    client_context = ssl.create_default_context(cafile=files.authority)
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=host)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        try:
            client.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLCertVerificationError:
            return False
        else:
            return True
        with suppress(ssl.SSLWantReadError):
            server.do_handshake()
    raise AssertionError("the handshake does not end")
