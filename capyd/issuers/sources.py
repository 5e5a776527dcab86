"""Where the keys of an issuer come from: its own discovery document, a key set at a given address, or a PEM file."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Protocol

from capyd.issuers.fetching import FetchError, fetch, is_safe_url
from capyd.issuers.keys import KeySet, NoKeysError, read_key_set, read_pem

Fetch = Callable[[str], Awaitable[bytes]]
_DISCOVERY: Final = "/.well-known/openid-configuration"


class Source(Protocol):
    """One place to get keys from."""

    is_remote: bool
    """What it gives is kept on disk, for a start while it is away."""

    async def load(self) -> bytes:
        """The text in which keys stand.

        Raises:
            FetchError: it cannot be had.
        """
        ...

    def read(self, text: bytes) -> KeySet:
        """The keys in it.

        Raises:
            NoKeysError: there are none.
        """
        ...


class KeySetSource:
    """A key set over HTTP: where the issuer's discovery document says, unless its address is given."""

    is_remote = True

    def __init__(self, issuer: str, jwks_url: str | None, *, fetch: Fetch = fetch) -> None:
        self._issuer = issuer
        self._jwks_url = jwks_url
        self._fetch = fetch

    async def load(self) -> bytes:
        """The key set's text."""
        return await self._fetch(self._jwks_url or await self._discover())

    def read(self, text: bytes) -> KeySet:
        """The keys in it."""
        return read_key_set(text)

    async def _discover(self) -> str:
        text = await self._fetch(self._issuer.rstrip("/") + _DISCOVERY)
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise FetchError("its discovery document is not JSON") from error
        if not isinstance(document, dict) or document.get("issuer") != self._issuer:
            raise FetchError("its discovery document names another issuer")
        url = document.get("jwks_uri")
        if not isinstance(url, str) or not is_safe_url(url):
            raise FetchError("its discovery document names no https address of its keys")
        return url


class PemSource:
    """A file, for installations without internet."""

    is_remote = False

    def __init__(self, file: Path) -> None:
        self._file = file

    async def load(self) -> bytes:
        """The file's content."""
        try:
            return await asyncio.to_thread(self._file.read_bytes)
        except OSError as error:
            raise FetchError(f"{self._file} cannot be read: {error.strerror}") from error

    def read(self, text: bytes) -> KeySet:
        """The keys in it."""
        return read_pem(text)


__all__ = ["FetchError", "KeySetSource", "NoKeysError", "PemSource", "Source"]
