"""API keys: `capy_live_`, 32 random characters, and 6 that check them.

The checksum tells a mistyped key from a revoked one, and lets a scanner recognise a leaked key without asking.
Only the SHA-256 of the whole text is kept.
"""

import hashlib
import secrets
import zlib
from dataclasses import dataclass
from datetime import datetime

from capyd.domain.secret import Secret

TOKEN_PREFIX = "capy_live_"  # noqa: S105  (public: the first characters of every key)
SHOWN_CHARACTERS = len(TOKEN_PREFIX) + 6

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_CHARACTERS = 32  # 190 bits
_CHECK_CHARACTERS = 6  # 62^6 is more than 2^32


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key, without its text."""

    id: str
    organization_id: str
    project_id: str | None
    name: str
    key_prefix: str
    scopes: tuple[str, ...]
    source: str
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None
    created_at: datetime

    def is_active(self, now: datetime) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def new_token() -> Secret:
    """A fresh key's text."""
    random = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARACTERS))
    return Secret(TOKEN_PREFIX + random + _checksum(random))


def has_token_form(token: str) -> bool:
    """It could be a key: the prefix, the length, and the checksum are right."""
    body = token.removeprefix(TOKEN_PREFIX)
    return (
        body != token
        and len(body) == _RANDOM_CHARACTERS + _CHECK_CHARACTERS
        and body.isascii()
        and body[_RANDOM_CHARACTERS:] == _checksum(body[:_RANDOM_CHARACTERS])
    )


def token_digest(token: str) -> bytes:
    """What is kept of a key, and what it is found by: its SHA-256, 32 bytes."""
    return hashlib.sha256(token.encode()).digest()


def _checksum(random: str) -> str:
    number = zlib.crc32(random.encode())
    digits = []
    for _ in range(_CHECK_CHARACTERS):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
