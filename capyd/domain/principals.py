"""Who is asking, and what that one may."""

from dataclasses import dataclass
from typing import Final

from capyd.domain.errors import InvalidError

ALL_SCOPES: Final = (
    "projects:read",
    "projects:write",
    "credentials:read",
    "backups:read",
    "backups:write",
    "jobs:read",
    "organizations:read",
    "organizations:write",
    "api_keys:read",
    "api_keys:write",
)
EVERY_SCOPE: Final = "*"


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller."""

    auth_source: str
    """`api_key`, `session`, `admin_socket` or `fleet`."""
    scopes: tuple[str, ...]
    is_admin: bool = False
    """A platform administrator: every organization's objects, every scope."""
    organization_id: str | None = None
    """None for platform administrators, and for a session that has chosen none: that one may nothing but ask who it
    is (`authorize` sees to it)."""
    organization_suspended: bool = False
    project_id: str | None = None
    """The only project that the key reaches."""
    api_key_id: str | None = None
    user_id: str | None = None
    """Whose session it is: the issuer's `sub`."""
    is_organization_admin: bool = False
    """The session has the admin role in its organization."""
    certificate_name: str | None = None
    """The fleet controller's, out of its certificate."""

    @property
    def described(self) -> str:
        """Who that is, for people: in a job's error, say."""
        if self.certificate_name is not None:
            return f"the fleet controller {self.certificate_name}"
        if self.user_id is not None:
            return f"the user {self.user_id}"
        return "a platform administrator" if self.is_admin else f"the API key {self.api_key_id}"

    @property
    def organization_role(self) -> str | None:
        """A session's; a key has none but its scopes."""
        if self.user_id is None or self.organization_id is None:
            return None
        return "admin" if self.is_organization_admin else "member"

    def has_scope(self, scope: str) -> bool:
        """It holds the scope, or all of them."""
        return self.is_admin or EVERY_SCOPE in self.scopes or scope in self.scopes


PLATFORM_ADMINISTRATOR: Final = Principal(auth_source="admin_socket", scopes=(EVERY_SCOPE,), is_admin=True)


def check_scopes(scopes: tuple[str, ...]) -> tuple[str, ...]:
    """The scopes themselves, in their order.

    Raises:
        InvalidError: none, an unknown one, or one twice.
    """
    if not scopes:
        raise InvalidError(f"scopes must name at least one of: {', '.join((*ALL_SCOPES, EVERY_SCOPE))}", field="scopes")
    for scope in scopes:
        if scope not in ALL_SCOPES and scope != EVERY_SCOPE:
            raise InvalidError(
                f"there is no scope {scope[:40]!r}: there are {', '.join((*ALL_SCOPES, EVERY_SCOPE))}", field="scopes"
            )
    if len(set(scopes)) != len(scopes):
        raise InvalidError("scopes names a scope twice", field="scopes")
    return scopes
