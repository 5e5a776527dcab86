"""A stack of each version for these tests alone: mutations take its defences away."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.dev.stacks import Stack, new_stack
from tests.servers import Installation, installations, require_newer_pooler
from tests.stack.running import RunningStack, connected


def options(installation: Installation) -> list[str]:
    """Old beside old and new beside new: PostgreSQL 15 with PgBouncer 1.18, and 18 with 1.24."""
    if installation.name == "wheel":
        return ["--postgres-bin", "embedded", "--pgbouncer", str(require_newer_pooler())]
    return ["--postgres-bin", str(installation.bin_dir)]


@pytest.fixture(scope="package", params=["pg15", "pg18"])
def installation(request: pytest.FixtureRequest) -> Installation:
    """The PostgreSQL of this run. A missing one fails: a skipped version would look like a tested one."""
    found = installations().get(request.param)
    if found is None:
        pytest.fail(f"{request.param} is not on this machine: scripts/test installs it")
    return found


@pytest.fixture(scope="package")
def process(installation: Installation) -> Iterator[Stack]:
    """The process of `stack`."""
    with new_stack(*options(installation)) as process:
        process.start()
        yield process
        assert process.stop() == 0, process.said


@pytest.fixture(scope="package")
async def stack(process: Stack) -> AsyncIterator[RunningStack]:
    """The stack that is attacked."""
    async with connected(process) as running:
        yield running
