"""Whole stacks, as `capyd dev` runs them, on each PostgreSQL version."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.dev.stacks import Stack, new_stack
from tests.servers import Installation, installations, require_newer_pooler
from tests.stack import projects
from tests.stack.projects import Json
from tests.stack.rest import Rest
from tests.stack.running import OtherOrganization, RunningStack, connected


@pytest.fixture(scope="session", params=["pg15", "pg18"])
def installation(request: pytest.FixtureRequest) -> Installation:
    """The PostgreSQL of this run. A missing one fails: a skipped version would look like a tested one."""
    found = installations().get(request.param)
    if found is None:
        pytest.fail(f"{request.param} is not on this machine: scripts/test installs it")
    return found


@pytest.fixture(scope="session")
def shared_process(installation: Installation) -> Iterator[Stack]:
    """The process of `stack`."""
    yield from _running(installation)


@pytest.fixture(scope="session")
def mortal_process(installation: Installation) -> Iterator[Stack]:
    """The process of `mortal`."""
    yield from _running(installation)


def _running(installation: Installation) -> Iterator[Stack]:
    # Old beside old and new beside new: PostgreSQL 15 with PgBouncer 1.18, and 18 with 1.24.
    if installation.name == "wheel":
        options = ["--postgres-bin", "embedded", "--pgbouncer", str(require_newer_pooler())]
    else:
        options = ["--postgres-bin", str(installation.bin_dir)]
    with new_stack(*options) as process:
        process.start()
        yield process
        assert process.stop() == 0, process.said


@pytest.fixture(scope="session")
async def stack(shared_process: Stack) -> AsyncIterator[RunningStack]:
    """The stack that tests share, and leave running."""
    async with connected(shared_process) as running:
        yield running


@pytest.fixture(scope="session")
async def mortal(mortal_process: Stack) -> AsyncIterator[RunningStack]:
    """A stack whose parts tests kill, and wait for."""
    async with connected(mortal_process) as running:
        yield running


@pytest.fixture(scope="session")
def rest(stack: RunningStack) -> Rest:
    """REST with the organization's key."""
    return stack.rest


@pytest.fixture(scope="session")
async def project(rest: Rest) -> Json:
    """A ready project that tests share, and leave as it is."""
    return await projects.create_ready(rest, "shared")


@pytest.fixture(scope="session")
async def other(stack: RunningStack) -> OtherOrganization:
    """A second organization."""
    return await stack.new_organization("The others")


@pytest.fixture(scope="session")
async def foreign(other: OtherOrganization) -> Json:
    """A ready project of the second organization."""
    return await projects.create_ready(other.rest, "theirs")


@pytest.fixture
async def nothing_is_done(stack: RunningStack, project: Json, foreign: Json) -> AsyncIterator[None]:
    """Whatever the test sends, the state and the cluster are afterwards as they were."""
    before = await _everything(stack)
    yield
    assert await _everything(stack) == before


async def _everything(stack: RunningStack) -> list[object]:
    await stack.spares()  # else the refilling of what earlier tests took would look like something done
    return [
        await projects.list_projects(stack.rest),
        [(key["id"], key["is_active"]) for key in (await stack.rest.expect(200, "GET", stack.keys_path))["api_keys"]],
        await stack.administer("SELECT oid, datname, datconnlimit FROM pg_database ORDER BY oid"),
        await stack.administer("SELECT oid, rolname, rolconnlimit FROM pg_roles ORDER BY oid"),
        await stack.administer("SELECT database_name, project_id FROM capyd.tenants ORDER BY database_name"),
    ]
