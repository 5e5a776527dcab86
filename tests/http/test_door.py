"""The gateway's door: its own HTTPS, slow clients, and too many connections."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from capyd_http.caps import ConnectionCaps
from capyd_http.config import HttpSettings
from capyd_http.errors import ApiError
from capyd_http.server import running_gateway
from capyd_http.tls import Certificate, CertificateError
from tests.door.authority import make_certificates
from tests.http.daemon import FakeDaemon
from tests.http.rest import Rest

SLOW = 0.2

Start = Callable[..., Any]


@pytest.fixture
def started(daemon: FakeDaemon) -> Start:
    """A gateway of one's own."""

    @asynccontextmanager
    async def start(**settings: Any) -> AsyncIterator[int]:
        whole = HttpSettings(
            **{"listen_port": 0, "backend": daemon.target, "deadline_seconds": 1.5, "header_seconds": SLOW, **settings}
        )
        async with running_gateway(whole) as port:
            yield port

    return start


async def _said(port: int, *parts: bytes) -> bytes:
    """All that the gateway says to these bytes until it hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
        return await asyncio.wait_for(reader.read(), 15)
    finally:
        writer.close()


@pytest.mark.parametrize("sent", [b"", b"G", b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-A: "])
async def test_headers_that_do_not_end_are_cut_off(started: Start, sent: bytes) -> None:
    async with started() as port:
        said = await _said(port, sent)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"request_timeout"' in said


async def test_headers_that_trickle_in_are_cut_off_all_the_same(started: Start) -> None:
    async with started() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\n")

        async def trickle() -> None:
            while True:
                writer.write(b"X-A: b\r\n")
                await asyncio.sleep(0.01)

        trickling = asyncio.create_task(trickle())
        assert (await asyncio.wait_for(reader.readline(), 15)).startswith(b"HTTP/1.1 408 ")
        trickling.cancel()
        writer.close()


async def test_a_second_request_that_does_not_end_is_cut_off_without_an_answer_to_nothing(started: Start) -> None:
    async with started() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await reader.readuntil(b'{"status":"ok"}')).startswith(b"HTTP/1.1 200 ")
        writer.write(b"GET /he")
        assert await asyncio.wait_for(reader.read(), 15) == b""
        writer.close()


async def test_an_idle_connection_goes_after_a_while(started: Start) -> None:
    async with started(keepalive_seconds=SLOW) as port:
        said = await _said(port, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 200 ")


async def test_a_body_that_trickles_in_is_cut_off(started: Start) -> None:
    head = (
        b"POST /v1/projects HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer capy_live_good\r\nContent-Length: 100\r\n\r\n{"
    )
    async with started(deadline_seconds=SLOW) as port:
        said = await _said(port, head)
    assert said.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    ("limits", "answer"),
    [({"max_connections": 3}, b"HTTP/1.1 503 "), ({"max_connections_per_address": 3}, b"HTTP/1.1 429 ")],
)
async def test_too_many_connections(started: Start, limits: dict[str, int], answer: bytes) -> None:
    async with started(header_seconds=60, **limits) as port:
        open_ones = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        said = await _said(port)
        assert said.startswith(answer)
        assert b"Retry-After: 2" in said
        # The three go on, and room that is made is used.
        writer = open_ones[0][1]
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert (await open_ones[0][0].read()).startswith(b"HTTP/1.1 200 ")
        writer.close()
        assert (await _said(port, b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).startswith(
            b"HTTP/1.1 200 "
        )
        for _, writer in open_ones:
            writer.close()


def test_what_counts_as_one_address() -> None:
    proxies = HttpSettings(trusted_proxies=["10.0.0.0/8"]).trusted_proxies
    caps = ConnectionCaps(total=100, per_address=1, trusted_proxies=proxies)
    for host in ("2001:db8::1", "192.0.2.1", "10.0.0.1", "10.0.0.1", "10.0.0.2"):
        caps.enter(host)
    for host in ("2001:db8::2", "192.0.2.1", "::ffff:192.0.2.1"):
        with pytest.raises(ApiError):
            caps.enter(host)
    caps.enter("2001:db8:0:1::1")


async def test_it_serves_https_by_itself_and_takes_up_new_files(started: Start, tmp_path: Path) -> None:
    files = make_certificates(tmp_path)
    context = ssl.create_default_context(cafile=str(files / "ca.crt"))
    pair = {"tls_certificate_file": files / "server.crt", "tls_key_file": files / "server.key"}
    async with started(**pair, header_seconds=5) as port, aiohttp.ClientSession() as session:
        async with session.get(f"https://localhost:{port}/healthz", ssl=context) as answer:
            assert answer.status == 200
            assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context.minimum_version = context.maximum_version = version
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
            assert writer.get_extra_info("ssl_object").version() == version.name.replace("v1_", "v1.")
            writer.close()
        with pytest.raises(aiohttp.ClientError):
            await session.get(f"http://localhost:{port}/healthz")


def test_files_that_change_are_taken_up_and_those_that_do_not_fit_change_nothing(tmp_path: Path) -> None:
    files = make_certificates(tmp_path / "a")
    certificate = Certificate(files / "server.crt", files / "server.key")
    first = _shown(certificate, files)
    other = make_certificates(tmp_path / "b")
    key = (files / "server.key").read_bytes()
    (files / "server.key").write_bytes((other / "server.key").read_bytes())
    certificate.look()
    assert _shown(certificate, files) == first
    (files / "server.key").write_bytes(key)
    make_certificates(files)
    certificate.look()
    assert _shown(certificate, files) != first
    with pytest.raises(CertificateError, match="not a certificate and its key"):
        Certificate(files / "server.crt", other / "server.key")
    with pytest.raises(CertificateError, match="cannot be read"):
        Certificate(files / "absent.crt", other / "server.key")


def _shown(certificate: Certificate, files: Path) -> bytes:
    """What a client is shown who connects now: a handshake without a network."""
    ours = [ssl.MemoryBIO() for _ in range(2)]
    server = certificate.context.wrap_bio(ours[0], ours[1], server_side=True)
    client_context = ssl.create_default_context(cafile=str(files / "ca.crt"))
    client = client_context.wrap_bio(ours[1], ours[0], server_hostname="localhost")
    for _ in range(4):
        for end in (client, server):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return client.getpeercert(binary_form=True) or b""


async def test_every_answer_has_the_headers_of_what_is_no_page(rest: Rest) -> None:
    for path in ("/healthz", "/nowhere", "/v1/projects"):
        headers = (await rest("GET", path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Server"] == "capyd"
        assert "Strict-Transport-Security" not in headers
