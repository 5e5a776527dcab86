"""Fixtures over `tests.servers`: one cluster of each PostgreSQL version for the whole run."""

import os
from collections.abc import AsyncIterator, Iterator

# Before gRPC is imported: its fork handlers get into the way of the programs that tests start from a process with
# channels in use, and no test forks without starting a program.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"

import pytest

from capyd.domain.extensions import DEFAULT_EXTENSIONS
from capyd.domain.installed import ClusterFacts
from capyd.postgres.connections import AdminConnections
from capyd.postgres.preparation import prepare_cluster
from tests.servers import Cluster, installations, running_cluster
from tests.tenants import Tenants


@pytest.fixture(scope="session", params=sorted(installations()))
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A running cluster; tests share it, and leave it running."""
    with running_cluster(installations()[request.param]) as running:
        yield running


@pytest.fixture(scope="session")
async def connections(cluster: Cluster) -> AsyncIterator[AdminConnections]:
    """The administrator's connections to the cluster."""
    connections = AdminConnections(cluster.settings)
    await connections.open()
    yield connections
    await connections.close()


@pytest.fixture(scope="session")
async def facts(connections: AdminConnections) -> ClusterFacts:
    """The cluster, prepared."""
    return await prepare_cluster(connections, default_extensions=DEFAULT_EXTENSIONS)


@pytest.fixture
async def tenants(cluster: Cluster, connections: AdminConnections, facts: ClusterFacts) -> AsyncIterator[Tenants]:
    """Spares and tenants, all dropped after the test."""
    tenants = Tenants(cluster, connections, facts)
    yield tenants
    await tenants.drop_all()
