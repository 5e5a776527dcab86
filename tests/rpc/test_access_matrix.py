"""Every method has a row in the table, and the rule in its proto decides as the row says, for every kind of principal.

Over real sockets, with real tokens: `tests/stack/test_access_matrix.py`.
"""

from typing import Any

import pytest

from capyd.domain.access import authorize
from capyd.domain.errors import ForbiddenError
from capyd.domain.principals import ALL_SCOPES, EVERY_SCOPE, Principal
from capyd.rpc.access_rules import access_rule
from tests.access_table import FORBIDDEN, LET_IN, METHODS, TABLE, Kind


def test_every_method_has_its_row() -> None:
    assert METHODS.keys() == TABLE.keys(), "a new method: say in TABLE who may call it"


def _session(**values: Any) -> Principal:
    scopes = tuple(ALL_SCOPES)
    return Principal(
        **{"auth_source": "session", "scopes": scopes, "organization_id": "org_1", "user_id": "u", **values}
    )


# As the daemon sees them, whatever listener they come by.
SESSIONS = {
    "fleet controller": (
        Principal(auth_source="fleet", scopes=(EVERY_SCOPE,), is_admin=True, certificate_name="fleet"),
        Kind(None, is_admin=True),
    ),
    "session of a member": (_session(), Kind(None, scopes=("*",), is_member=True)),
    "session of an admin": (_session(is_organization_admin=True), Kind(None, scopes=("*",))),
    "session of a suspended organization's admin": (
        _session(is_organization_admin=True, organization_suspended=True),
        Kind(None, scopes=("*",), is_suspended=True),
    ),
    "session without an organization": (_session(organization_id=None), Kind(None, has_organization=False)),
}


@pytest.mark.parametrize("name", TABLE)
def test_who_may_by_the_rule(name: str) -> None:
    rule = access_rule(METHODS[name])
    for kind, (principal, it) in SESSIONS.items():
        assert (LET_IN if _is_let_in(principal, rule) else FORBIDDEN) == it.expected(TABLE[name]), kind


def _is_let_in(principal: Principal, rule: Any) -> bool:
    try:
        authorize(principal, rule)
    except ForbiddenError:
        return False
    return True
