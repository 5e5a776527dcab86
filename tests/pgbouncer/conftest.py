"""A pooler of each version in front of each cluster."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from capyd.config.settings import PoolerSettings
from capyd.pgbouncer.pooler import Pooler
from tests.servers import Cluster, installed_pooler, pooler_settings, pooler_version, require_newer_pooler, start_pooler


@pytest.fixture(scope="session", params=["installed", "newer"])
def binary(request: pytest.FixtureRequest) -> Path:
    """Debian 12's PgBouncer, 1.18, and Debian 13's, 1.24."""
    return installed_pooler() if request.param == "installed" else require_newer_pooler()


@pytest.fixture
def settings(cluster: Cluster, binary: Path) -> Iterator[PoolerSettings]:
    """Settings for a pooler that does not run yet."""
    with pooler_settings(cluster, binary) as settings:
        yield settings


@pytest.fixture
async def pooler(cluster: Cluster, settings: PoolerSettings) -> AsyncIterator[Pooler]:
    """A running pooler that knows no database yet."""
    pooler = Pooler(settings, cluster.settings)
    await pooler.write_initial_files(pooler_version(settings.binary))
    process = start_pooler(settings)
    yield pooler
    process.stop()


_CROSSED = {("pg15", "newer"), ("pg18", "installed")}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each pooler meets one cluster in a normal run, and every other in a full one: they hardly know of each other."""
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
            parameters = item.callspec.params
            if (parameters.get("cluster"), parameters.get("binary")) in _CROSSED:
                item.add_marker(pytest.mark.full)
