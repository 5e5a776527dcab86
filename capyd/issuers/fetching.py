"""Asks an issuer for a document of its own, and for nothing else."""

from typing import Final
from urllib.parse import urlsplit

import aiohttp

MAX_BYTES: Final = 256 * 1024
_SECONDS: Final = 10.0
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class FetchError(Exception):
    """There is no such document just now. Its text says why, in a few words."""


def is_safe_url(url: str) -> bool:
    """https, or http to this very host."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    if not host or parts.username is not None or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)


async def fetch(url: str) -> bytes:
    """The document, which is of 256 KiB at most and comes within 10 seconds, from where it was asked for.

    Raises:
        FetchError: it did not.
    """
    if not is_safe_url(url):
        raise FetchError("it is not at an https address")
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SECONDS)) as session,
            session.get(url, allow_redirects=False, headers={"Accept": "application/json"}) as response,
        ):
            # A redirect leads elsewhere: whoever can write one is not yet whoever may say which keys are good.
            if response.status != 200:
                raise FetchError(f"it answered {response.status}")
            content = bytearray()
            async for chunk in response.content.iter_chunked(64 * 1024):
                content += chunk
                if len(content) > MAX_BYTES:
                    raise FetchError(f"it is larger than {MAX_BYTES} bytes")
            return bytes(content)
    except TimeoutError as error:
        raise FetchError(f"it did not come within {_SECONDS:.0f} seconds") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise FetchError(f"it cannot be had: {type(error).__name__}") from error
