"""Who may call a method: the rule that each declares, and the decision."""

from dataclasses import dataclass

from capyd.domain.errors import ForbiddenError
from capyd.domain.principals import Principal


@dataclass(frozen=True, slots=True)
class AccessRule:
    """What one method declares, in its proto option. Exactly one of the first four is set."""

    public: bool = False
    any_principal: bool = False
    platform_admin: bool = False
    scope: str | None = None
    project_keys: bool = False
    """A key that is bound to one project may call it."""
    organization_admin: bool = False
    """Of sessions, only one with its organization's admin role may call it."""


def authorize(principal: Principal, rule: AccessRule) -> None:
    """Return when the principal may call a method with this rule.

    Which objects it then reaches is decided where they are looked up.

    Raises:
        ForbiddenError: it may not, and why.
    """
    if rule.public or principal.is_admin:
        return
    if rule.platform_admin:
        raise ForbiddenError("only a platform administrator may do this, over the daemon's admin socket")
    if principal.project_id is not None and not rule.project_keys:
        raise ForbiddenError(f"this API key is bound to the project {principal.project_id} and may not do this")
    if rule.any_principal:
        return
    if principal.organization_id is None:
        raise ForbiddenError(
            "the session has no active organization: choose one and log in again", code="no_organization"
        )
    if rule.scope is None or not principal.has_scope(rule.scope):
        raise ForbiddenError(f"this token lacks the scope {rule.scope}", code="missing_scope")
    if rule.organization_admin and principal.user_id is not None and not principal.is_organization_admin:
        raise ForbiddenError("only an admin of the organization may do this", code="not_organization_admin")
    if principal.organization_suspended and rule.scope.endswith(":write"):
        raise ForbiddenError("the organization is suspended: nothing can be changed until it is released")
