"""A host of each PostgreSQL version that a test asks for."""

from collections.abc import AsyncIterator

import pytest

from tests.reliability.host import Host, running_host
from tests.servers import installations, running_cluster


@pytest.fixture(scope="package")
async def host(request: pytest.FixtureRequest) -> AsyncIterator[Host]:
    """A host whose PostgreSQL is the one that the test names (`indirect`)."""
    with running_cluster(installations()[request.param]) as cluster:
        async with running_host(cluster) as host:
            yield host
