"""Who is calling, by the listener that the call came in through."""

from collections.abc import Mapping
from typing import Protocol

from capyd.domain.errors import UnauthenticatedError
from capyd.domain.principals import PLATFORM_ADMINISTRATOR, Principal
from capyd.usecases.authentication import Authenticator

_SCHEME = "bearer "


class TrustPolicy(Protocol):
    """How one listener tells who is calling."""

    @property
    def is_behind_gateway(self) -> bool:
        """Only the gateway reaches the listener, and says for whom it calls."""
        ...

    async def principal(self, metadata: Mapping[str, str]) -> Principal:
        """The caller.

        Raises:
            UnauthenticatedError: it cannot be told.
        """
        ...


class AdminSocketTrust:
    """Whoever can open the socket is a platform administrator: its file mode is the lock."""

    is_behind_gateway = False

    async def principal(self, metadata: Mapping[str, str]) -> Principal:  # noqa: ARG002  (the policy's form)
        """Always the platform administrator."""
        return PLATFORM_ADMINISTRATOR


class TokenTrust:
    """The listener has no authority of its own: every call carries its caller's token."""

    def __init__(self, authenticator: Authenticator, *, is_behind_gateway: bool) -> None:
        self._authenticator = authenticator
        self._is_behind_gateway = is_behind_gateway

    @property
    def is_behind_gateway(self) -> bool:
        """As the policy says."""
        return self._is_behind_gateway

    async def principal(self, metadata: Mapping[str, str]) -> Principal:
        """Whoever the token in `authorization` stands for."""
        header = metadata.get("authorization", "")
        if not header:
            raise UnauthenticatedError("a token is required: authorization: Bearer capy_live_...")
        if header[: len(_SCHEME)].lower() != _SCHEME:
            raise UnauthenticatedError("the authorization must be of the form: Bearer capy_live_...")
        return await self._authenticator.authenticate(header[len(_SCHEME) :].strip())
