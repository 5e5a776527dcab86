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
    """`api_key` or `admin_socket`."""
    scopes: tuple[str, ...]
    is_admin: bool = False
    """A platform administrator: every organization's objects, every scope."""
    organization_id: str | None = None
    """None for platform administrators alone."""
    organization_suspended: bool = False
    project_id: str | None = None
    """The only project that the key reaches."""
    api_key_id: str | None = None

    @property
    def described(self) -> str:
        """Who that is, for people: in a job's error, say."""
        return "a platform administrator" if self.is_admin else f"the API key {self.api_key_id}"

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
