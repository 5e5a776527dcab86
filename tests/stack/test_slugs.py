"""Slugs: derived or given, unique in an organization, never changed. Names: returned byte for byte."""

import re

import pytest

from tests.stack import projects
from tests.stack.rest import Rest
from tests.stack.running import OtherOrganization


async def test_a_derived_slug_that_is_taken_gets_a_suffix(rest: Rest) -> None:
    first, _ = await projects.create(rest, "Same Name")
    second, _ = await projects.create(rest, "Same Name")
    assert first["slug"] == "same-name"
    assert re.fullmatch(r"same-name-[a-z0-9]{6}", second["slug"])


async def test_a_given_slug_that_is_taken_is_refused(rest: Rest) -> None:
    given, _ = await projects.create(rest, slug="given")
    assert given["slug"] == "given"
    body = await rest.refused(409, "POST", "/v1/projects", {"name": "x", "slug": "given"})
    assert (body["code"], body["field"]) == ("already_exists", "slug")


async def test_another_organization_may_have_the_same_slug(rest: Rest, other: OtherOrganization) -> None:
    for caller in (rest, other.rest):
        created, _ = await projects.create(caller, slug="in-both")
        assert created["slug"] == "in-both"


async def test_a_deleted_projects_slug_is_free_again(rest: Rest) -> None:
    first = await projects.create_ready(rest, slug="again")
    await projects.completed(rest, (await projects.delete(rest, first["id"]))["id"])
    second, _ = await projects.create(rest, slug="again")
    assert second["id"] != first["id"]


@pytest.mark.parametrize(
    "name",
    [
        "x",
        "a" * 100,
        "'; DROP DATABASE postgres; --",
        '"quoted" \\ and %s and {} and $1',
        "🦫" * 100,
        "  outer spaces ",
        "../../etc/passwd",
        "Ünïcödé é (composed) e\u0301 (not)",
        "\u202eright to left",
        "<script>alert(1)</script>",
        "null",
        "capyd",
    ],
    ids=lambda name: ascii(name)[:30],
)
async def test_a_hostile_name_is_returned_byte_for_byte(rest: Rest, name: str) -> None:
    project, job = await projects.create(rest, name)
    assert project["name"] == name
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", project["slug"])
    await projects.completed(rest, job["id"])
    assert (await projects.get(rest, project["id"]))["name"] == name
    assert next(one["name"] for one in await projects.list_projects(rest) if one["id"] == project["id"]) == name
