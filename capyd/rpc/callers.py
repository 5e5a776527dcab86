"""From where a call comes, and under which id: what its metadata says is believed of the gateway alone."""

import ipaddress
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

CLIENT_ADDRESS: Final = "x-capyd-client-address"
"""The metadata key under which the gateway names its client's address."""

_REQUEST_ID: Final = re.compile(r"[!-~]{1,128}")
_PEER: Final = re.compile(r"ipv[46]:(?P<host>.+):\d+")


def client_address(metadata: Mapping[str, str], peer: str, *, behind_gateway: bool) -> str | None:
    """The client's address; None where it has none (a Unix socket), or the gateway named none.

    `peer` is gRPC's: `ipv4:127.0.0.1:5000`, `ipv6:%5B::1%5D:5000`, `unix:`.
    """
    if behind_gateway:
        return _address(metadata.get(CLIENT_ADDRESS, ""))
    found = _PEER.fullmatch(unquote(peer))
    return None if found is None else _address(found["host"].strip("[]"))


def read_request_id(metadata: Mapping[str, str]) -> str | None:
    """The caller's own id for the call, if it is 1 to 128 visible ASCII characters."""
    given = metadata.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else None


def _address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
