import pytest

from capyd.domain.access import AccessRule, authorize
from capyd.domain.errors import ForbiddenError, InvalidError
from capyd.domain.principals import PLATFORM_ADMINISTRATOR, Principal, check_scopes

READ = AccessRule(scope="projects:read", project_keys=True)
WRITE = AccessRule(scope="projects:write")
ADMIN = AccessRule(platform_admin=True)


def key(*scopes: str, project_id: str | None = None, suspended: bool = False) -> Principal:
    return Principal(
        auth_source="api_key",
        scopes=scopes,
        organization_id="org_1",
        project_id=project_id,
        organization_suspended=suspended,
    )


@pytest.mark.parametrize(
    ("principal", "rule"),
    [
        (PLATFORM_ADMINISTRATOR, ADMIN),
        (PLATFORM_ADMINISTRATOR, WRITE),
        (key("projects:read"), READ),
        (key("*"), WRITE),
        (key("projects:read", project_id="prj_1"), READ),
        (key(), AccessRule(any_principal=True)),
        (key("projects:read", suspended=True), READ),
        (Principal(auth_source="none", scopes=()), AccessRule(public=True)),
    ],
)
def test_who_may(principal: Principal, rule: AccessRule) -> None:
    authorize(principal, rule)


@pytest.mark.parametrize(
    ("principal", "rule", "code"),
    [
        (key("*"), ADMIN, "forbidden"),
        (key("projects:read"), WRITE, "missing_scope"),
        (key("*", project_id="prj_1"), WRITE, "forbidden"),
        (key("*", project_id="prj_1"), AccessRule(any_principal=True), "forbidden"),
        (key("projects:write", suspended=True), WRITE, "forbidden"),
        (key("*"), AccessRule(), "missing_scope"),
    ],
)
def test_who_may_not(principal: Principal, rule: AccessRule, code: str) -> None:
    with pytest.raises(ForbiddenError) as refused:
        authorize(principal, rule)
    assert refused.value.code == code


def test_scopes_keep_their_order() -> None:
    assert check_scopes(("projects:write", "projects:read")) == ("projects:write", "projects:read")


@pytest.mark.parametrize("scopes", [(), ("projects:rule",), ("jobs:read", "jobs:read"), ("x" * 10_000,)])
def test_scopes_that_cannot_be(scopes: tuple[str, ...]) -> None:
    with pytest.raises(InvalidError) as refused:
        check_scopes(scopes)
    assert len(refused.value.message) < 400
