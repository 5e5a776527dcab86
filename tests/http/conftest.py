"""One fake daemon and one gateway for all tests; each test starts with a daemon that knows nothing yet."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from capyd_http.config import HttpSettings
from capyd_http.server import running_gateway
from tests.http.daemon import FakeDaemon
from tests.http.rest import Rest

DEADLINE_SECONDS = 1.5


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """A directory whose path leaves room for a socket's name: the kernel takes 107 bytes."""
    directory = Path(tempfile.mkdtemp(prefix="capyd-"))
    yield directory
    shutil.rmtree(directory)


@pytest_asyncio.fixture(scope="session")
async def running_daemon() -> AsyncIterator[FakeDaemon]:
    directory = Path(tempfile.mkdtemp(prefix="capyd-"))
    daemon = FakeDaemon(directory / "api.sock")
    await daemon.start()
    yield daemon
    await daemon.stop()
    shutil.rmtree(directory)


@pytest_asyncio.fixture(scope="session")
async def running_rest(running_daemon: FakeDaemon) -> AsyncIterator[Rest]:
    settings = HttpSettings(listen_port=0, backend=running_daemon.target, deadline_seconds=DEADLINE_SECONDS)
    async with running_gateway(settings) as port, aiohttp.ClientSession() as session:
        yield Rest(session, port)


@pytest.fixture
def daemon(running_daemon: FakeDaemon) -> FakeDaemon:
    running_daemon.reset()
    return running_daemon


@pytest.fixture
def rest(running_rest: Rest, daemon: FakeDaemon) -> Rest:
    return running_rest
