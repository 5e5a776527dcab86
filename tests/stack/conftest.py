"""Whole stacks, as `capyd dev` runs them, on each PostgreSQL version."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.dev.stacks import new_stack
from tests.servers import Installation, installations
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
async def stack(installation: Installation) -> AsyncIterator[RunningStack]:
    """The stack that tests share, and leave running."""
    async with _running(installation) as running:
        yield running


@pytest.fixture(scope="session")
async def mortal(installation: Installation) -> AsyncIterator[RunningStack]:
    """A stack whose parts tests kill, and wait for."""
    async with _running(installation) as running:
        yield running


@asynccontextmanager
async def _running(installation: Installation) -> AsyncIterator[RunningStack]:
    binaries = "embedded" if installation.name == "wheel" else str(installation.bin_dir)
    with new_stack("--postgres-bin", binaries) as process:
        ready = process.start()
        async with connected(process, ready) as running:
            assert running.major == str(installation.major)
            yield running
        assert process.stop() == 0, process.said


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
