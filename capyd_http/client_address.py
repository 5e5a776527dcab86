"""Whose request it is, by network: the other end of the connection, or whom a trusted proxy there speaks for."""

import ipaddress
from collections.abc import Sequence

from aiohttp import web

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def client_address(request: web.BaseRequest, trusted_proxies: Sequence[Network]) -> str | None:
    """The client's address; None where there is none.

    X-Forwarded-For is read from its end, where the nearest proxy wrote: each entry is believed for as long as the one
    that wrote it is trusted. What a client wrote there itself is so never believed.
    """
    nearest = _address(request.remote or "")
    if nearest is None or not _is_trusted(nearest, trusted_proxies):
        return None if nearest is None else str(nearest)
    believed = nearest
    entries = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
    for entry in reversed(entries):
        named = _address(entry.strip())
        if named is None:
            break
        believed = named
        if not _is_trusted(named, trusted_proxies):
            break
    return str(believed)


def _is_trusted(address: Address, trusted_proxies: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in trusted_proxies)


def _address(text: str) -> Address | None:
    """The address of `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1` or `[2001:db8::1]:443`."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return address if mapped is None else mapped
