"""An issuer, and a daemon's side of it."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from capyd.domain.sessions import SessionRules
from capyd.issuers.issuer import Issuer
from capyd.issuers.issuers import Issuers
from capyd.issuers.sources import KeySetSource, Source
from capyd.runtime.clock import utc_now
from tests.issuers import server


class Seconds:
    """A clock for pauses."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def issuer() -> AsyncIterator[server.Issuer]:
    async with server.running_issuer() as running:
        yield running


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


Build = Callable[..., Issuer]


@pytest.fixture
def build(issuer: server.Issuer, tmp_path: Path, seconds: Seconds) -> Build:
    """Makes the daemon's side of the issuer."""

    def make(source: Source | None = None, **rules: Any) -> Issuer:
        wanted = {"audiences": (server.AUDIENCE,), "authorized_parties": (server.PARTY,), **rules}
        return Issuer(
            SessionRules(issuer=issuer.url, **wanted),
            source or KeySetSource(issuer.url, None),
            algorithms=("RS256", "ES256"),
            copy=tmp_path / "issuers" / "copy.json",
            monotonic=seconds,
        )

    return make


@pytest.fixture
def verifier(build: Build) -> Issuers:
    """All that a daemon trusts: the one issuer."""
    return Issuers([build()], clock=utc_now)
