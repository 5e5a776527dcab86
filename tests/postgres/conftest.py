"""Fixtures for tests that change a whole cluster."""

from collections.abc import AsyncIterator, Iterator

import pytest

from capyd.postgres.connections import AdminConnections
from tests.servers import Cluster, installations, running_cluster


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A cluster of one version that the test may stop and spoil; nothing of capyd's is in it."""
    with running_cluster(next(iter(installations().values()))) as running:
        yield running


@pytest.fixture
async def own_connections(own_cluster: Cluster) -> AsyncIterator[AdminConnections]:
    """The administrator's connections to it."""
    connections = AdminConnections(own_cluster.settings)
    await connections.open()
    yield connections
    await connections.close()
