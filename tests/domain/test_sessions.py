from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from capyd.domain.errors import UnauthenticatedError
from capyd.domain.sessions import MEMBER_SCOPES, Session, SessionRules, read_session

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = int(NOW.timestamp())
RULES = SessionRules(issuer="https://i", audiences=("capyd", "other"), authorized_parties=("https://app",))
CLAIMS: dict[str, Any] = {
    "iss": "https://i", "sub": "user_1", "aud": "capyd", "azp": "https://app", "exp": SECOND + 60,
}  # fmt: skip


def _read(rules: SessionRules = RULES, **changed: Any) -> Session:
    claims = {name: value for name, value in {**CLAIMS, **changed}.items() if value is not None}
    return read_session(claims, rules, now=NOW)


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": SECOND - 11}, {"exp": None}, {"exp": "soon"}, {"exp": True}, {"exp": 1e300}, {"exp": -1},
        {"nbf": SECOND + 11}, {"iat": SECOND + 11}, {"iat": []},
        {"aud": None}, {"aud": "else"}, {"aud": []}, {"aud": ["else"]}, {"aud": ["capyd", 1]}, {"aud": {"capyd": 1}},
        {"azp": None}, {"azp": "https://evil"}, {"azp": ["https://app"]},
        {"iss": "https://i/"}, {"iss": None}, {"sub": None}, {"sub": ""}, {"sub": 1}, {"sub": "x" * 201},
        {"sub": "a\nb"}, {"sts": "pending"}, {"org_id": 5}, {"org_id": "o" * 300},
    ],
)  # fmt: skip
def test_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(UnauthenticatedError):
        _read(**changed)


@pytest.mark.parametrize(
    "changed",
    [{"exp": SECOND - 9}, {"nbf": SECOND + 9}, {"iat": SECOND + 9}, {"aud": ["x", "other"]}, {"exp": 253_402_300_799}],
)
def test_taken(changed: dict[str, Any]) -> None:
    assert _read(**changed).user_id == "user_1"


def test_without_an_active_organization() -> None:
    assert _read() == Session("user_1", None, False, (), NOW + timedelta(seconds=60))


def test_clerk_version_1() -> None:
    admin = _read(org_id="org_2a", org_role="org:admin", org_slug="a", org_permissions=["org:backups:write"])
    assert (admin.organization_id, admin.is_organization_admin, admin.scopes) == ("org_2a", True, ("*",))
    member = _read(org_id="org_2a", org_role="org:member", org_permissions=["org:backups:write", "org:x:y", 3])
    assert (member.is_organization_admin, member.scopes) == (False, (*MEMBER_SCOPES, "backups:write"))


def test_clerk_version_2() -> None:
    o = {"id": "org_2a", "rol": "admin", "slg": "a"}
    assert _read(v=2, o=o).is_organization_admin
    o = {"id": "org_2a", "rol": "member", "slg": "a", "per": "read,write", "fpm": "1,2,3"}
    member = _read(v=2, o=o, fea="o:projects,uo:backups,u:private,o:api_keys")
    # backups: 2 is the second word; the user's own feature has no number.
    assert (member.is_organization_admin, member.scopes) == (False, (*MEMBER_SCOPES, "backups:write", "api_keys:write"))
    # Version 1's claims in a token of version 2 are nobody's word.
    assert _read(v=2, o={"id": "org_2a", "rol": "member"}, org_id="org_2b", org_role="org:admin").organization_id == (
        "org_2a"
    )


@pytest.mark.parametrize("fpm", ["", "x", "-1", "9" * 5000, "1,2,3,4,5", "1e3"])
def test_a_broken_permission_map_gives_nothing(fpm: str) -> None:
    o = {"id": "org_2a", "rol": "member", "per": "read", "fpm": fpm}
    assert _read(v=2, o=o, fea="o:nothing").scopes == MEMBER_SCOPES


def test_configured_claims() -> None:
    rules = SessionRules(
        issuer="https://i", audiences=("capyd",), organization_claim="https://x.example/org", role_claim="realm.roles",
        admin_roles=("boss",), organizations={"acme": "org_acme"},
    )  # fmt: skip
    session = _read(rules, **{"https://x.example/org": "acme", "realm": {"roles": ["user", "boss"]}})
    assert (session.organization_id, session.is_organization_admin) == ("org_acme", True)
    assert not _read(rules, **{"https://x.example/org": "acme", "realm": {"roles": ["user"]}}).is_organization_admin
    with pytest.raises(UnauthenticatedError, match="speak for"):
        _read(rules, **{"https://x.example/org": "org_acme"})
    fixed = SessionRules(issuer="https://i", audiences=("capyd",), organization="org_one")
    assert _read(fixed).organization_id == "org_one"
