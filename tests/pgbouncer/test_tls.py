"""TLS towards clients, on a real PgBouncer."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from capyd.config.settings import PoolerSettings
from capyd.dev.certificates import CertificateFiles, ensure_certificates
from capyd.host.users import server_user
from capyd.jobs.lanes import Lanes
from capyd.pgbouncer.pooler import Pooler
from capyd.provisioning.pooler_sync import PoolerSync
from tests.pgbouncer.test_pooler import apply_all, connect
from tests.servers import Cluster, pooler_version, start_pooler
from tests.tenants import Tenants


@pytest.fixture
def files(settings: PoolerSettings, tmp_path: Path) -> CertificateFiles:
    """An authority, and a certificate where the pooler can read it."""
    server = settings.config_dir
    return CertificateFiles(tmp_path / "ca.crt", tmp_path / "ca.key", server / "server.crt", server / "server.key")


@pytest.fixture
def certified(settings: PoolerSettings, files: CertificateFiles) -> PoolerSettings:
    """Settings with the certificate."""
    ensure_certificates(files, server_user=server_user())
    files.certificate.chmod(0o644)
    return settings.model_copy(update={"tls_certificate_file": files.certificate, "tls_key_file": files.key})


@pytest.fixture
async def pooler(cluster: Cluster, certified: PoolerSettings) -> AsyncIterator[Pooler]:
    """A running pooler that serves TLS."""
    pooler = Pooler(certified, cluster.settings)
    await pooler.write_initial_files(pooler_version(certified.binary))
    process = start_pooler(certified)
    yield pooler
    process.stop()


async def test_a_renewed_certificate_is_shown_and_nobody_is_cut_off(
    tenants: Tenants, pooler: Pooler, certified: PoolerSettings, files: CertificateFiles
) -> None:
    tenant = await tenants.claim()
    entries = await apply_all(tenants, pooler)
    verifying = {"sslmode": "verify-full", "sslrootcert": str(files.authority)}
    with connect(tenant, certified, **verifying) as session:
        session.execute("SELECT 1")
        assert not pooler.has_new_certificate()
        old = files.authority.with_name("old.crt")
        files.authority.rename(old)
        # Another authority, so that it is seen which certificate is shown.
        ensure_certificates(files, server_user=server_user(), now=datetime.now(UTC) + timedelta(minutes=1))
        assert pooler.has_new_certificate()
        await pooler.apply(entries)
        assert not pooler.has_new_certificate()
        connect(tenant, certified, **verifying).close()
        with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
            connect(tenant, certified, **{**verifying, "sslrootcert": str(old)})
        session.execute("SELECT 1")


async def test_the_daemon_notices_a_renewed_certificate(
    tenants: Tenants, pooler: Pooler, certified: PoolerSettings, files: CertificateFiles
) -> None:
    tenant = await tenants.claim()
    sync = PoolerSync(
        connections=tenants.connections,
        pooler=pooler,
        postgres_settings=tenants.cluster.settings,
        pooler_settings=certified,
        lanes=Lanes(),
    )
    served = asyncio.Queue[None]()

    async def tell() -> None:
        served.put_nowait(None)

    sync.when_served(tell)
    running = asyncio.create_task(sync.run())
    try:
        sync.request()
        await served.get()
        await sync.look_at_certificate()
        files.authority.unlink()
        ensure_certificates(files, server_user=server_user())
        await sync.look_at_certificate()
        await served.get()
    finally:
        running.cancel()
    connect(tenant, certified, sslmode="verify-full", sslrootcert=str(files.authority)).close()
    assert served.empty()


async def test_a_certificate_that_it_cannot_use_changes_nothing_and_holds_up_nobody(
    tenants: Tenants, pooler: Pooler, certified: PoolerSettings, files: CertificateFiles
) -> None:
    tenant = await tenants.claim()
    await apply_all(tenants, pooler)
    files.key.write_text("no key at all")
    other = await tenants.claim()
    await apply_all(tenants, pooler)
    for each in (tenant, other):
        connect(each, certified, sslmode="verify-full", sslrootcert=str(files.authority)).close()


async def test_an_older_protocol_gets_a_cipher_of_today_or_nothing(
    tenants: Tenants, pooler: Pooler, certified: PoolerSettings
) -> None:
    tenant = await tenants.claim()
    await apply_all(tenants, pooler)
    connect(tenant, certified, sslmode="require", ssl_max_protocol_version="TLSv1.2").close()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    for ciphers, taken in (("ECDHE+AESGCM", True), ("AES128-SHA:ECDHE+AES:!AESGCM", False)):
        context.set_ciphers(ciphers)
        assert shakes_hands(certified.port, context) is taken


def shakes_hands(port: int, context: ssl.SSLContext) -> bool:
    """Whether the pooler and a client of this kind agree on a cipher."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
        plain.sendall(bytes.fromhex("00000008 04d2162f"))
        assert plain.recv(1) == b"S"
        try:
            context.wrap_socket(plain).close()
        except (ssl.SSLError, ConnectionError):
            return False
        return True


async def test_a_client_without_tls_is_refused(tenants: Tenants, pooler: Pooler, certified: PoolerSettings) -> None:
    tenant = await tenants.claim()
    await apply_all(tenants, pooler)
    with pytest.raises(psycopg.OperationalError, match="SSL required"):
        connect(tenant, certified, sslmode="disable")
