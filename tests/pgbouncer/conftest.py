"""A pooler in front of each cluster."""

from collections.abc import AsyncIterator, Iterator

import pytest

from capyd.config.settings import PoolerSettings
from capyd.pgbouncer.pooler import Pooler
from tests.servers import Cluster, installed_pooler_version, pooler_settings, start_pooler


@pytest.fixture
def settings(cluster: Cluster) -> Iterator[PoolerSettings]:
    """Settings for a pooler that does not run yet."""
    with pooler_settings(cluster) as settings:
        yield settings


@pytest.fixture
async def pooler(cluster: Cluster, settings: PoolerSettings) -> AsyncIterator[Pooler]:
    """A running pooler that knows no database yet."""
    pooler = Pooler(settings, cluster.settings)
    await pooler.write_initial_files(installed_pooler_version())
    process = start_pooler(settings)
    yield pooler
    process.stop()
