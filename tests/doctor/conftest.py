"""A patient on each PostgreSQL version, with a pooler of its own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from capyd.config.settings import PoolerSettings
from capyd.pgbouncer.pooler import Pooler
from tests.doctor.patient import Patient, new_patient
from tests.servers import Cluster, PoolerProcess, pooler_settings, pooler_version, start_pooler


@pytest.fixture
def settings(cluster: Cluster) -> Iterator[PoolerSettings]:
    """The pooler's."""
    with pooler_settings(cluster) as settings:
        yield settings


@pytest.fixture
async def pooler_process(cluster: Cluster, settings: PoolerSettings) -> AsyncIterator[PoolerProcess]:
    """The running pooler, which knows nothing yet. The test may stop it."""
    await Pooler(settings, cluster.settings).write_initial_files(pooler_version(settings.binary))
    process = start_pooler(settings)
    yield process
    if process.process.poll() is None:
        process.stop()


@pytest.fixture
async def patient(
    cluster: Cluster, settings: PoolerSettings, pooler_process: PoolerProcess, tmp_path: Path
) -> AsyncIterator[Patient]:
    """One that nothing is wrong with, without projects or spares."""
    async with new_patient(cluster, settings, tmp_path) as patient:
        yield patient
