"""Who is calling, by the listener that the call came in through."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from capyd.domain.errors import ForbiddenError, UnauthenticatedError
from capyd.domain.principals import EVERY_SCOPE, PLATFORM_ADMINISTRATOR, Principal
from capyd.rpc.door import Door
from capyd.usecases.authentication import Authenticator

_SCHEME = "bearer "

Transport = Mapping[str, Iterable[bytes]]
"""What TLS says of the other end, in gRPC's words; empty without it."""


class TrustPolicy(Protocol):
    """How one listener tells who is calling."""

    @property
    def is_behind_gateway(self) -> bool:
        """Only the gateway reaches the listener, and says for whom it calls."""
        ...

    async def principal(self, metadata: Mapping[str, str], transport: Transport, address: str | None) -> Principal:
        """The caller.

        Raises:
            UnauthenticatedError: it cannot be told.
            TooManyRequestsError: it, or its address, calls too often.
        """
        ...


class AdminSocketTrust:
    """Whoever can open the socket is a platform administrator: its file mode is the lock."""

    is_behind_gateway = False

    async def principal(self, metadata: Mapping[str, str], transport: Transport, address: str | None) -> Principal:  # noqa: ARG002  (the policy's form)
        """Always the platform administrator."""
        return PLATFORM_ADMINISTRATOR


class TokenTrust:
    """The listener has no authority of its own: every call carries its caller's token."""

    def __init__(self, authenticator: Authenticator, door: Door, *, is_behind_gateway: bool) -> None:
        self._authenticator = authenticator
        self._door = door
        self._is_behind_gateway = is_behind_gateway

    @property
    def is_behind_gateway(self) -> bool:
        """As the policy says."""
        return self._is_behind_gateway

    async def principal(self, metadata: Mapping[str, str], transport: Transport, address: str | None) -> Principal:  # noqa: ARG002
        """Whoever the token in `authorization` stands for."""
        self._door.enter(address)
        header = metadata.get("authorization", "")
        if not header:
            raise UnauthenticatedError("a token is required: authorization: Bearer capy_live_...")
        if header[: len(_SCHEME)].lower() != _SCHEME:
            raise UnauthenticatedError("the authorization must be of the form: Bearer capy_live_...")
        token = header[len(_SCHEME) :].strip()
        if not self._authenticator.recognises(token):
            self._door.refuse_guesses(address)
        try:
            principal = await self._authenticator.authenticate(token)
        except UnauthenticatedError:
            self._door.note_failure(address)
            raise
        self._door.admit(principal)
        return principal


class FleetTrust:
    """A fleet controller: a platform administrator, told by the name in its certificate, which TLS has verified."""

    is_behind_gateway = False

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)

    async def principal(self, metadata: Mapping[str, str], transport: Transport, address: str | None) -> Principal:  # noqa: ARG002
        """The controller.

        Raises:
            ForbiddenError: its certificate is good and has no name that is let in.
        """
        # A common name says nothing where there are alternative ones (RFC 6125).
        shown = _texts(transport, "x509_subject_alternative_name") or _texts(transport, "x509_common_name")
        name = next((name for name in shown if name in self._names), None)
        if name is None:
            raise ForbiddenError("no name in the client's certificate is one of listen.fleet_names")
        return Principal(auth_source="fleet", scopes=(EVERY_SCOPE,), is_admin=True, certificate_name=name)


def _texts(transport: Transport, key: str) -> list[str]:
    return [value.decode(errors="replace") for value in transport.get(key, ())]
