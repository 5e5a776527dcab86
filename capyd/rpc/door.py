"""How often an address, a principal, and somebody who guesses tokens, may knock."""

import ipaddress
import math
import time
from collections.abc import Callable

from capyd.config.settings import DoorSettings
from capyd.domain.errors import TooManyRequestsError
from capyd.domain.principals import Principal
from capyd.domain.rates import Rate


class Door:
    """The limits of one daemon, over all listeners that take tokens."""

    def __init__(self, settings: DoorSettings, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._addresses = Rate(per_minute=settings.address_per_minute, burst=settings.address_burst)
        self._principals = Rate(per_minute=settings.principal_per_minute, burst=settings.principal_burst)
        self._failures = Rate(per_minute=settings.failed_tokens_per_minute, burst=settings.failed_tokens_burst)
        self._monotonic = monotonic

    def enter(self, address: str | None) -> None:
        """Let a call of the address in.

        Raises:
            TooManyRequestsError: there are too many.
        """
        if address is not None and (wait := self._addresses.take(_network(address), self._monotonic())) > 0:
            raise _too_many("there are too many requests from your address", wait)

    def refuse_guesses(self, address: str | None) -> None:
        """Return while the address may show tokens that are not known to be good.

        Raises:
            TooManyRequestsError: too many of them were not.
        """
        if address is not None and (wait := self._failures.wait(_network(address), self._monotonic())) > 0:
            raise _too_many("there are too many bad tokens from your address", wait)

    def note_failure(self, address: str | None) -> None:
        """A token of the address was not good."""
        if address is not None:
            self._failures.count(_network(address), self._monotonic())

    def admit(self, principal: Principal) -> None:
        """Let a call of the principal in.

        Raises:
            TooManyRequestsError: there are too many.
        """
        key = principal.api_key_id or f"{principal.organization_id}/{principal.user_id}"
        if (wait := self._principals.take(key, self._monotonic())) > 0:
            raise _too_many("there are too many requests with this token", wait)


def _too_many(what: str, wait: float) -> TooManyRequestsError:
    return TooManyRequestsError(f"{what}: wait, and send fewer", retry_after_seconds=max(1, math.ceil(wait)))


def _network(address: str) -> str:
    """What one client has many of counts as one: an IPv6 address by its /64."""
    if ":" not in address:
        return address
    return str(ipaddress.ip_network(f"{address}/64", strict=False))
