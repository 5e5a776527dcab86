"""Values that cannot be, in bodies that can: 400, the field at fault, and nothing done."""

import pytest

from tests.stack import projects
from tests.stack.rest import Rest
from tests.stack.running import RunningStack

pytestmark = pytest.mark.usefixtures("nothing_is_done")


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", None),
        ("name", 5),
        ("name", True),
        ("name", ["x"]),
        ("name", {}),
        ("name", ""),
        ("name", "   "),
        ("name", "a" * 101),
        ("name", "a" * 10_000),
        ("name", "two\nlines"),
        ("name", "nul\x00"),
        ("name", "bell\x07"),
        ("name", "escape\x1b[31m"),
        ("name", "c1\x85"),
        ("name", "line\u2028separator"),
        ("name", "half \ud800 of a pair"),
        ("environment", "staging"),
        ("environment", "PRODUCTION"),
        ("environment", ""),
        ("environment", 1),
        ("slug", ""),
        ("slug", "-x"),
        ("slug", "x-"),
        ("slug", "Upper"),
        ("slug", "under_score"),
        ("slug", "a" * 64),
        ("slug", "x\n"),
        ("slug", "é"),
        ("slug", "'; DROP TABLE projects; --"),
        ("region", "mars"),
        ("region", ""),
        ("cluster_id", "cls_other"),
        ("postgres_version", "9"),
        ("postgres_version", 15),
        ("postgres_version", "15; DROP"),
        ("plan", "business"),
        ("state", "ready"),
        ("id", "prj_mine"),
        ("database_name", "postgres"),
        ("nmae", "a typo"),
        ("__proto__", {}),
    ],
    ids=lambda part: ascii(part)[:30],
)
async def test_a_project_that_cannot_be(rest: Rest, field: str, wrong: object) -> None:
    body = await rest.refused(400, "POST", "/v1/projects", {"name": "bad input", field: wrong})
    assert body["field"] == field
    assert field in body["error"]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", ""),
        ("name", None),
        ("name", "a\tb"),
        ("environment", "test"),
        ("always_on", "yes"),
        ("always_on", 1),
        ("max_connections", 0),
        ("max_connections", -1),
        ("max_connections", 1.5),
        ("max_connections", 5.0),
        ("max_connections", "5"),
        ("max_connections", True),
        ("max_connections", None),
        ("max_connections", 2**31),
        ("max_connections", 10**400),
        ("statement_timeout", 30),
        ("statement_timeout", "30"),
        ("statement_timeout", "0s"),
        ("statement_timeout", "-1s"),
        ("statement_timeout", "1.5s"),
        ("statement_timeout", "a while"),
        ("statement_timeout", "30s; RESET ALL"),
        ("statement_timeout", "99999999999999999999s"),
        ("statement_timeout", "٣s"),
        ("idle_transaction_timeout", ""),
        ("slug", "other"),
        ("region", "local"),
        ("storage_limit_bytes", 10),
    ],
    ids=lambda part: ascii(part)[:30],
)
async def test_a_change_that_cannot_be(rest: Rest, project: projects.Json, field: str, wrong: object) -> None:
    body = await rest.refused(400, "PATCH", f"/v1/projects/{project['id']}", {field: wrong})
    assert body["field"] == field


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", ""),
        ("name", "a\nb"),
        ("name", 7),
        ("scopes", []),
        ("scopes", "*"),
        ("scopes", None),
        ("scopes", ["projects:admin"]),
        ("scopes", ["jobs:read", "jobs:read"]),
        ("scopes", [""]),
        ("expires_at", "2020-01-01T00:00:00Z"),
        ("expires_at", "tomorrow"),
        ("expires_at", "2030-02-30T00:00:00Z"),
        ("expires_at", "2030-01-01"),
        ("expires_at", 1893456000),
        ("plaintext_api_key", "capy_live_mine"),
        ("organization_id", "org_other"),
    ],
    ids=lambda part: ascii(part)[:30],
)
async def test_a_key_that_cannot_be(stack: RunningStack, rest: Rest, field: str, wrong: object) -> None:
    body = await rest.refused(400, "POST", stack.keys_path, {"name": "x", "scopes": ["jobs:read"], field: wrong})
    assert body["field"] == field


async def test_a_list_says_which_of_its_values_is_wrong(stack: RunningStack, rest: Rest) -> None:
    body = await rest.refused(400, "POST", stack.keys_path, {"name": "x", "scopes": ["jobs:read", 5]})
    assert body["field"] == "scopes[1]"


@pytest.mark.parametrize("missing", ["name", "scopes"])
async def test_what_is_required(stack: RunningStack, rest: Rest, missing: str) -> None:
    whole = {"name": "x", "scopes": ["jobs:read"]}
    body = await rest.refused(
        400, "POST", stack.keys_path, {name: value for name, value in whole.items() if name != missing}
    )
    assert body["field"] == missing
