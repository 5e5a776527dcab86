"""A host for each test: what one loses, no other misses."""

from collections.abc import AsyncIterator

import pytest

from tests.reliability.host import Host, running_host
from tests.servers import Cluster


@pytest.fixture
async def host(cluster: Cluster) -> AsyncIterator[Host]:
    """A cluster with a pooler, and room for a daemon."""
    async with running_host(cluster) as host:
        yield host
