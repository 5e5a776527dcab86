"""One project on each stack, and the ways into it."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from capyd.dev.certificates import CertificateFiles, ensure_certificates
from capyd.host.users import current_user
from tests.servers import pooler_version
from tests.stack import projects
from tests.stack.rest import Rest
from tests.stack.running import RunningStack

_NAMED_STATEMENTS = (1, 21, 0)


@dataclass(frozen=True)
class Way:
    """One connection URL, as the API gave it out."""

    url: str
    login: str
    can_name_statements: bool
    """Whether prepared statements may outlive a transaction. Else the driver is told, as docs/connecting.md says."""
    authority: Path | None
    """What the listener's certificate is signed by, or None: it does not serve TLS, and says so."""
    stranger: Path
    """An authority that has signed nothing here."""

    def url_with(self, *, scheme: str | None = None, **query: str) -> str:
        """The URL with another scheme, and these parameters in place of its own."""
        parts = urlsplit(self.url)
        text = "&".join(f"{name}={value}" for name, value in query.items())
        return urlunsplit(parts._replace(scheme=scheme or parts.scheme, query=text))

    def verifying(self, authority: Path | None = None) -> str:
        """The URL with what libpq and asyncpg need to verify the server."""
        assert self.authority is not None
        return self.url_with(sslmode="verify-full", sslrootcert=str(authority or self.authority))


@pytest.fixture(scope="session")
async def driven(rest: Rest) -> projects.Json:
    """The project that all drivers share."""
    return await projects.create_ready(rest, "driven")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of an authority that nobody here has heard of."""
    directory = tmp_path_factory.mktemp("stranger")
    files = CertificateFiles(*(directory / name for name in ("ca.crt", "ca.key", "server.crt", "server.key")))
    ensure_certificates(files, server_user=current_user(), now=datetime.now(UTC))
    return files.authority


@pytest.fixture(params=["direct", "pooled"])
async def way(
    request: pytest.FixtureRequest, stack: RunningStack, rest: Rest, driven: projects.Json, stranger: Path
) -> Way:
    """Each URL of the project."""
    url = getattr(await projects.urls(rest, driven["id"]), request.param)
    mode = urlsplit(url).query
    assert mode in ("sslmode=require", "sslmode=disable")
    # The wheel's PostgreSQL has no TLS; everything else has.
    assert (mode == "sslmode=disable") == (request.param == "direct" and stack.major == "18")
    pooled = request.param == "pooled"
    return Way(
        url=url,
        login=driven["role_name"],
        can_name_statements=not pooled or pooler_version(_pooler(stack)) >= _NAMED_STATEMENTS,
        authority=Path(stack.ready["ca_file"]) if mode == "sslmode=require" else None,
        stranger=stranger,
    )


@pytest.fixture
def authority(way: Way) -> Path:
    """The authority of a listener that serves TLS."""
    if way.authority is None:
        pytest.skip("this PostgreSQL was built without TLS, and its URL says so")
    return way.authority


@pytest.fixture(autouse=True)
def no_settings_of_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """libpq reads the environment and the home: only the URL is to count."""
    for name in [name for name in os.environ if name.startswith("PG") or name == "NODE_EXTRA_CA_CERTS"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


def _pooler(stack: RunningStack) -> Path:
    return Path(stack.settings["pooler"]["binary"])
