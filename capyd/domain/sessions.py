"""Sessions: what the claims of a JWT say of somebody who logged in elsewhere. Its signature was checked before.

Clerk's claims come in two versions: `org_id org_role org_permissions`, and (`v: 2`) `o: {id, rol, per, fpm}` with `fea`
(https://clerk.com/docs/guides/sessions/session-tokens). Other issuers name theirs in the configuration.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from capyd.domain.errors import UnauthenticatedError
from capyd.domain.principals import ALL_SCOPES, EVERY_SCOPE

Claims = Mapping[str, Any]

MEMBER_SCOPES: Final = (
    "projects:read",
    "projects:write",
    "credentials:read",
    "backups:read",
    "jobs:read",
    "organizations:read",
    "api_keys:read",
)
"""What a session without the admin role holds. Methods that need the role ask for it beside their scope."""

_LONGEST_ID: Final = 200
_LATEST: Final = 253_402_300_799
"""The last second of the year 9999: beyond it no moment can be told."""


@dataclass(frozen=True, slots=True)
class SessionRules:
    """What is asked of the sessions of one issuer, and how they say whose they are."""

    issuer: str
    audiences: tuple[str, ...] = ()
    authorized_parties: tuple[str, ...] = ()
    leeway: timedelta = timedelta(seconds=10)
    organization_claim: str = "org_id"
    role_claim: str = "org_role"
    admin_roles: tuple[str, ...] = ("admin", "org:admin")
    organizations: Mapping[str, str] = field(default_factory=dict)
    """From the issuer's ids to ours; empty: they are the same."""
    organization: str | None = None
    """Ours, for every session of the issuer, whatever its claims."""


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who logged in."""

    user_id: str
    organization_id: str | None
    """None: no organization is active."""
    is_organization_admin: bool
    scopes: tuple[str, ...]
    ends_at: datetime


def read_session(claims: Claims, rules: SessionRules, *, now: datetime) -> Session:
    """The session that the claims describe.

    Raises:
        UnauthenticatedError: it is not for us, is over, has not begun, or lacks something; and which.
    """
    if claims.get("iss") != rules.issuer:
        raise UnauthenticatedError("the session is another issuer's")
    ends_at = _check_times(claims, rules.leeway, now)
    _check_addressee(claims, rules)
    if claims.get("sts", "active") != "active":
        raise UnauthenticatedError("the session is not active yet: finish logging in")
    user_id = _id(claims, "sub")
    if user_id is None:
        raise UnauthenticatedError("the session names no user: its claim sub is missing")
    organization_id, role, permissions = _membership(claims, rules)
    if organization_id is None:
        return Session(user_id, None, False, (), ends_at)
    is_admin = role in rules.admin_roles
    scopes = (EVERY_SCOPE,) if is_admin else (*MEMBER_SCOPES, *_scopes(permissions))
    return Session(user_id, organization_id, is_admin, scopes, ends_at)


def _check_times(claims: Claims, leeway: timedelta, now: datetime) -> datetime:
    """When it ends. `exp` must be there; `nbf` and `iat` count where they are."""
    moment, slack = now.timestamp(), leeway.total_seconds()
    times = {name: _seconds(claims, name) for name in ("exp", "nbf", "iat")}
    if times["exp"] is None:
        raise UnauthenticatedError("the session has no end: its claim exp is missing")
    if times["exp"] <= moment - slack:
        raise UnauthenticatedError("the session has expired: log in again", code="session_expired")
    for name in ("nbf", "iat"):
        begins = times[name]
        if begins is not None and begins > moment + slack:
            raise UnauthenticatedError(f"the session has not begun: its claim {name} lies in the future")
    return datetime.fromtimestamp(times["exp"], tz=now.tzinfo)


def _seconds(claims: Claims, name: str) -> float | None:
    if name not in claims:
        return None
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LATEST:
        raise UnauthenticatedError(f"the session's claim {name} is not a moment in seconds since 1970")
    return float(value)


def _check_addressee(claims: Claims, rules: SessionRules) -> None:
    if rules.audiences:
        audience = claims.get("aud")
        named: Sequence[Any] = audience if isinstance(audience, list) else (audience,)
        if not all(isinstance(name, str) for name in named) or not set(named) & set(rules.audiences):
            raise UnauthenticatedError("the session is for another audience: its claim aud names none of ours")
    if rules.authorized_parties and claims.get("azp") not in rules.authorized_parties:
        raise UnauthenticatedError("the session is another application's: its claim azp names none of ours")


def _membership(claims: Claims, rules: SessionRules) -> tuple[str | None, str | None, list[str]]:
    """Our organization's id, the role as the issuer calls it, and its permissions."""
    if claims.get("v") == 2 and isinstance(claims.get("o"), dict):
        active: Claims = claims["o"]
        theirs, role = _id(active, "id"), _id(active, "rol")
        permissions = _permissions_of_version_2(claims, active)
    else:
        theirs, role = _id(claims, rules.organization_claim), _role(claims, rules)
        given = claims.get("org_permissions")
        permissions = [name for name in given if isinstance(name, str)] if isinstance(given, list) else []
    if rules.organization is not None:
        return rules.organization, role, permissions
    if theirs is None:
        return None, None, []
    if not rules.organizations:
        return theirs, role, permissions
    if theirs not in rules.organizations:
        raise UnauthenticatedError("the session's organization is not one of those that its issuer may speak for here")
    return rules.organizations[theirs], role, permissions


def _role(claims: Claims, rules: SessionRules) -> str | None:
    """The role; of several, as some issuers have them, one that makes an admin goes first."""
    value = _find(claims, rules.role_claim)
    if isinstance(value, list):
        roles = [role for role in value if isinstance(role, str)]
        return next((role for role in roles if role in rules.admin_roles), roles[0] if roles else None)
    return value if isinstance(value, str) else None


def _id(claims: Claims, name: str) -> str | None:
    value = _find(claims, name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > _LONGEST_ID or not value.isprintable():
        raise UnauthenticatedError(f"the session's claim {name} is not an id of at most {_LONGEST_ID} characters")
    return value


def _find(claims: Claims, name: str) -> Any:
    """The claim of that very name; else, of a name with dots, the one inside: `realm_access.roles`."""
    if name in claims:
        return claims[name]
    value: Any = claims
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            return None
        value = value[part]
    return value


def _permissions_of_version_2(claims: Claims, active: Claims) -> list[str]:
    """Clerk's compact form: `fpm` has, for each of the organization's features, a number whose bits are places in
    `per`, the lowest first.
    """
    per, fpm, fea = active.get("per"), active.get("fpm"), claims.get("fea")
    if not (isinstance(per, str) and isinstance(fpm, str) and isinstance(fea, str)):
        return []
    words = [word.strip() for word in per.split(",")]
    features = [name for kind, _, name in (each.strip().partition(":") for each in fea.split(",")) if "o" in kind]
    numbers = [int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0 for text in fpm.replace(" ", "").split(",")]
    return [
        f"org:{feature}:{word}"
        for feature, number in zip(features, numbers, strict=False)
        for place, word in enumerate(words)
        if number >> place & 1
    ]


def _scopes(permissions: list[str]) -> list[str]:
    """The scopes that permissions name, `org:backups:write` being backups:write, beyond those of every member."""
    named = [permission.removeprefix("org:") for permission in permissions]
    return [scope for scope in ALL_SCOPES if scope in named and scope not in MEMBER_SCOPES]
