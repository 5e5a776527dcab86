"""How many connections there may be, in all and from one address."""

import ipaddress
import time
from collections import Counter
from collections.abc import Sequence
from typing import Final

from capyd.runtime.logs import get_logger
from capyd_http.client_address import Network
from capyd_http.errors import ApiError

logger = get_logger(__name__)

_TOLD_EVERY_SECONDS: Final = 60.0


class ConnectionCaps:
    """Counts connections. A trusted proxy is not held to an address's number: it speaks for many."""

    def __init__(self, *, total: int, per_address: int, trusted_proxies: Sequence[Network]) -> None:
        self._total = total
        self._per_address = per_address
        self._trusted_proxies = trusted_proxies
        self._number = 0
        self._by_source: Counter[str] = Counter()
        self._refused = 0
        self._told_at: float | None = None

    def enter(self, host: str | None) -> str:
        """Count a connection in. The value is for `leave`.

        Raises:
            ApiError: 503, there are too many; 429, there are too many from there.
        """
        source = self._source(host)
        if self._number >= self._total:
            self._tell(source)
            raise ApiError(
                503, "the gateway has too many connections just now", code="too_many_connections", retry_after_seconds=2
            )
        if source and self._by_source[source] >= self._per_address:
            self._tell(source)
            message = f"there are {self._per_address} connections from your address already: use those"
            raise ApiError(429, message, code="too_many_connections", retry_after_seconds=2)
        self._number += 1
        self._by_source[source] += 1
        return source

    def leave(self, source: str) -> None:
        """Count it out."""
        self._number -= 1
        self._by_source[source] -= 1
        if not self._by_source[source]:
            del self._by_source[source]

    def _source(self, host: str | None) -> str:
        """What counts as one: an IPv4 address, an IPv6 network of 64 bits; nothing of a trusted proxy."""
        try:
            address = ipaddress.ip_address(host or "")
        except ValueError:
            return ""
        address = getattr(address, "ipv4_mapped", None) or address
        if any(address.version == network.version and address in network for network in self._trusted_proxies):
            return ""
        if address.version == 6:
            return str(ipaddress.ip_network((address, 64), strict=False))
        return str(address)

    def _tell(self, source: str) -> None:
        """Not of each: whoever floods us is not to fill the log too."""
        self._refused += 1
        now = time.monotonic()
        if self._told_at is None or now - self._told_at >= _TOLD_EVERY_SECONDS:
            logger.warning("connections.refused", number=self._refused, latest=source, open=self._number)
            self._told_at, self._refused = now, 0
