"""From a token to who it is."""

from datetime import datetime

from capyd.domain.api_keys import TOKEN_PREFIX, ApiKey, has_token_form, token_digest
from capyd.domain.errors import ForbiddenError, UnauthenticatedError
from capyd.domain.principals import Principal
from capyd.issuers.issuers import Issuers
from capyd.issuers.tokens import has_session_form
from capyd.runtime.clock import Clock
from capyd.sqlite.api_keys import find_api_key_by_digest, touch_api_keys
from capyd.sqlite.database import Database
from capyd.sqlite.organizations import find_organization

_REMEMBERED_KEYS = 10_000


class Authenticator:
    """Finds API keys by their SHA-256, and remembers those that it found until one is changed; and takes the sessions
    of trusted issuers.
    """

    def __init__(self, *, database: Database, issuers: Issuers, clock: Clock) -> None:
        self._database = database
        self._issuers = issuers
        self._clock = clock
        self._known: dict[bytes, tuple[ApiKey, bool]] = {}
        self._used: dict[str, datetime] = {}
        # When each session ends that was good; the digest of its token is all that is kept of it.
        self._sessions: dict[bytes, datetime] = {}

    async def authenticate(self, token: str) -> Principal:
        """The principal that the token stands for.

        Raises:
            UnauthenticatedError: it stands for none, and why.
            ForbiddenError: a session of an organization that is not here.
            UnavailableError: the keys of a session's issuer were never seen yet.
        """
        if has_session_form(token):
            return await self._session(token)
        if not has_token_form(token):
            raise UnauthenticatedError(
                f"the token is not an API key: those begin with {TOKEN_PREFIX} and are 48 characters long, "
                "the last six of which check the others"
            )
        digest = token_digest(token)
        known = self._known.get(digest) or await self._look_up(digest)
        if known is None:
            raise UnauthenticatedError("there is no such API key")
        key, organization_suspended = known
        now = self._clock()
        if key.revoked_at is not None:
            raise UnauthenticatedError("the API key has been revoked")
        if not key.is_active(now):
            raise UnauthenticatedError("the API key has expired")
        self._used[key.id] = now
        return Principal(
            auth_source="api_key",
            scopes=key.scopes,
            organization_id=key.organization_id,
            organization_suspended=organization_suspended,
            project_id=key.project_id,
            api_key_id=key.id,
        )

    def recognises(self, token: str) -> bool:
        """The token was good before, and is not known to be over since."""
        digest = token_digest(token)
        ends_at = self._sessions.get(digest)
        return digest in self._known or (ends_at is not None and ends_at > self._clock())

    def forget(self) -> None:
        """A key or an organization was changed: look everything up anew."""
        self._known.clear()

    async def write_last_uses(self) -> None:
        """Note in the state which keys were used since the last call. Never on the path of a request."""
        if self._used:
            used, self._used = self._used, {}
            async with self._database.transaction() as tx:
                await touch_api_keys(tx, used)

    async def _session(self, token: str) -> Principal:
        session = await self._issuers.verify(token)
        if len(self._sessions) >= _REMEMBERED_KEYS:
            self._sessions.clear()
        self._sessions[token_digest(token)] = session.ends_at
        organization = None
        if session.organization_id is not None:
            async with self._database.reading() as reads:
                organization = await find_organization(reads, session.organization_id)
            if organization is None:
                raise ForbiddenError(
                    "the session's organization is not on this cluster: an administrator can create it",
                    code="unknown_organization",
                )
        return Principal(
            auth_source="session",
            scopes=session.scopes,
            organization_id=session.organization_id,
            organization_suspended=organization is not None and organization.suspended_at is not None,
            user_id=session.user_id,
            is_organization_admin=session.is_organization_admin,
        )

    async def _look_up(self, digest: bytes) -> tuple[ApiKey, bool] | None:
        async with self._database.reading() as reads:
            found = await find_api_key_by_digest(reads, digest)
        if found is not None:
            if len(self._known) >= _REMEMBERED_KEYS:
                self._known.clear()
            self._known[digest] = found
        return found
