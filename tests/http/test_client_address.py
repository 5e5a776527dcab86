"""Whose address the daemon is told: the connection's, unless a trusted proxy stands there."""

import ipaddress

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from capyd_http.client_address import client_address
from tests.http.daemon import FakeDaemon
from tests.http.rest import Rest

PROXIES = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("remote", "forwarded", "address"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["203.0.113.9"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["6.6.6.6", "203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["rubbish, 203.0.113.9:443"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9, rubbish"], "10.0.0.1"),
        ("fd00::1", ["[2001:db8::1]:443"], "2001:db8::1"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
    ],
)
def test_an_entry_is_believed_while_its_writer_is_trusted(remote: str, forwarded: list[str], address: str) -> None:
    headers = CIMultiDict([("X-Forwarded-For", each) for each in forwarded])
    request = make_mocked_request("GET", "/", headers=headers).clone(remote=remote)
    assert client_address(request, PROXIES) == address


async def test_the_daemon_is_told_and_a_client_cannot_say_it_itself(rest: Rest, daemon: FakeDaemon) -> None:
    headers = {"X-Forwarded-For": "6.6.6.6", "X-Capyd-Client-Address": "6.6.6.6"}
    await rest("GET", "/v1/me", headers=headers)
    assert daemon.seen[-1].metadata["x-capyd-client-address"] == "127.0.0.1"
