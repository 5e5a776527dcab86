"""The fleet controller's door: mutual TLS, and the names that are let in."""

import asyncio
import shutil
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from capyd.v1 import audit_pb2, audit_pb2_grpc, cluster_pb2, cluster_pb2_grpc, organizations_pb2, organizations_pb2_grpc
from tests.door.authority import make_certificates
from tests.door.conftest import Door, free_port
from tests.stack.polling import until

NAME = "controller.test"


class Fleet:
    """A daemon with a door for controllers."""

    def __init__(self, door: Door, files: Path, port: int) -> None:
        self.door = door
        self.files = files
        self.port = port

    @asynccontextmanager
    async def connected(self, client: Path | None) -> AsyncIterator[grpc.aio.Channel]:
        pair = {} if client is None else {
            "private_key": (client / "client.key").read_bytes(),
            "certificate_chain": (client / "client.crt").read_bytes(),
        }  # fmt: skip
        credentials = grpc.ssl_channel_credentials((self.files / "ca.crt").read_bytes(), **pair)
        options = (("grpc.use_local_subchannel_pool", 1),)
        async with grpc.aio.secure_channel(f"localhost:{self.port}", credentials, options) as channel:
            yield channel

    async def shown(self) -> bytes:
        """The certificate that the server shows to whoever connects now."""
        return (await asyncio.to_thread(_tls, self.port, self.files, ssl.TLSVersion.TLSv1_3))[1]

    def negotiate(self, version: ssl.TLSVersion) -> str | None:
        """What a client of one version ends up with."""
        return _tls(self.port, self.files, version)[0]


def _context(files: Path, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(files / "ca.crt"))
    context.load_cert_chain(files / "client.crt", files / "client.key")
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2"])
    return context


def _tls(port: int, files: Path, version: ssl.TLSVersion) -> tuple[str | None, bytes]:
    """The version that was agreed on, and the server's certificate."""
    with (
        socket.create_connection(("127.0.0.1", port), 10) as plain,
        _context(files, version).wrap_socket(plain, server_hostname="localhost") as wrapped,
    ):
        return wrapped.version(), wrapped.getpeercert(binary_form=True) or b""


async def _who(channel: grpc.aio.Channel) -> organizations_pb2.Principal:
    stub = organizations_pb2_grpc.OrganizationServiceStub(channel)
    return (await stub.GetMe(organizations_pb2.GetMeRequest(), timeout=10)).principal


@pytest.fixture(scope="module")
async def fleet(make_door: Callable[[], Door]) -> Fleet:
    door = make_door()
    files = make_certificates(door.directory / "fleet")
    port = free_port()
    await door.start(
        f"""
        listen.fleet_address = "127.0.0.1:{port}"
        listen.fleet_certificate_file = "{files}/server.crt"
        listen.fleet_key_file = "{files}/server.key"
        listen.fleet_client_ca_file = "{files}/ca.crt"
        listen.fleet_names = ["{NAME}", "spiffe://fleet/controller"]
        """
    )
    return Fleet(door, files, port)


async def test_a_controller_is_a_platform_administrator_and_named_in_the_audit_trail(fleet: Fleet) -> None:
    async with fleet.connected(fleet.files) as channel:
        me = await _who(channel)
        assert (me.auth_source, me.is_admin, me.certificate_name) == ("fleet", True, NAME)
        stub = organizations_pb2_grpc.OrganizationServiceStub(channel)
        await stub.CreateOrganization(organizations_pb2.CreateOrganizationRequest(name="fleet's"))
        trail = audit_pb2_grpc.AuditServiceStub(channel)
        newest = (await trail.ListAuditRecords(audit_pb2.ListAuditRecordsRequest())).records[-1]
    assert (newest.action, newest.actor_kind, newest.actor_id) == ("organization.create", "fleet", NAME)
    assert newest.address == "127.0.0.1"


async def test_a_name_of_another_form_is_let_in_and_others_are_not(fleet: Fleet, tmp_path: Path) -> None:
    for part in ("ca.crt", "ca.key"):
        shutil.copy(fleet.files / part, tmp_path / part)
    async with fleet.connected(make_certificates(tmp_path, "--client", "spiffe://fleet/controller")) as channel:
        assert (await _who(channel)).certificate_name == "spiffe://fleet/controller"
    async with fleet.connected(make_certificates(tmp_path, "--client", f"{NAME}.evil")) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await _who(channel)
        assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("client", ["none", "of another authority", "a server's"])
async def test_without_a_certificate_of_the_authority_there_is_no_connection(
    fleet: Fleet, tmp_path: Path, client: str
) -> None:
    directory: Path | None = None
    if client == "of another authority":
        directory = make_certificates(tmp_path, "--client", NAME)
    elif client == "a server's":
        directory = tmp_path
        for part in ("crt", "key"):
            shutil.copy(fleet.files / f"server.{part}", tmp_path / f"client.{part}")
    async with fleet.connected(directory) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await _who(channel)
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE


async def test_no_token_and_no_plain_text_opens_it(fleet: Fleet) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{fleet.port}") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await _who(channel)
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE


async def test_it_is_tls_1_3_and_nothing_older(fleet: Fleet) -> None:
    assert await asyncio.to_thread(fleet.negotiate, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.to_thread(fleet.negotiate, ssl.TLSVersion.TLSv1_2)


async def test_new_files_are_shown_to_the_next_and_connections_that_stand_go_on(fleet: Fleet) -> None:
    async with fleet.connected(fleet.files) as channel:
        watching = cluster_pb2_grpc.ClusterServiceStub(channel).WatchEvents(cluster_pb2.WatchEventsRequest())
        await watching.read()
        before = await fleet.shown()
        # The key alone: half of an exchange. What is in force stays so.
        old_key = (fleet.files / "server.key").read_bytes()
        new = make_certificates(fleet.files.parent / "new")
        (fleet.files / "server.key").write_bytes((new / "server.key").read_bytes())
        assert await fleet.shown() == before
        assert "fleet.certificate_refused" in fleet.door.log
        (fleet.files / "server.key").write_bytes(old_key)
        await asyncio.to_thread(make_certificates, fleet.files)
        after = await until(fleet.shown, lambda shown: shown != before)
        assert after != before
        assert (await _who(channel)).certificate_name == NAME
        watching.cancel()
