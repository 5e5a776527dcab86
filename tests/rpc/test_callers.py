"""From where a call comes: the gateway is believed, and nobody else."""

import pytest

from capyd.rpc.callers import CLIENT_ADDRESS, client_address, read_request_id


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:192.0.2.7:5000", "192.0.2.7"),
        ("ipv6:%5B2001:db8::1%5D:5000", "2001:db8::1"),
        ("ipv6:[::1]:5000", "::1"),
        ("unix:", None),
        ("unix:/run/x", None),
    ],
)
def test_a_direct_client_has_its_connection_s_address_whatever_it_says(peer: str, address: str | None) -> None:
    assert client_address({CLIENT_ADDRESS: "203.0.113.9"}, peer, behind_gateway=False) == address


@pytest.mark.parametrize(
    ("said", "address"), [("203.0.113.9", "203.0.113.9"), ("2001:DB8::1", "2001:db8::1"), ("", None), ("evil\n", None)]
)
def test_the_gateway_says_for_whom_it_calls(said: str, address: str | None) -> None:
    assert client_address({CLIENT_ADDRESS: said}, "unix:", behind_gateway=True) == address


@pytest.mark.parametrize(
    ("given", "read"), [("r-1", "r-1"), ("", None), ("two words", None), ("x" * 129, None), ("é", None)]
)
def test_only_a_sane_request_id_is_taken(given: str, read: str | None) -> None:
    assert read_request_id({"x-request-id": given}) == read
