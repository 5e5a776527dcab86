"""Encrypts what must be shown again: project passwords, under a key that is not in the state file.

AES-256-GCM. Form of a sealed text: one byte of version, four of key id, twelve of nonce, then the ciphertext. The
name of the login is authenticated with it, so that one project's sealed password cannot be put in another's row.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from capyd.domain.secret import Secret

_VERSION = b"\x01"
_KEY_BYTES = 32
_KEY_ID_BYTES = 4
_NONCE_BYTES = 12
_HEADER_BYTES = len(_VERSION) + _KEY_ID_BYTES + _NONCE_BYTES


class KeyFileError(Exception):
    """The key file cannot be used. Its text says why and how to make one."""


class UnsealError(Exception):
    """The text was sealed under another key, for another login, or is damaged."""


class Sealer:
    """Seals with one key, and opens with it or with one before it."""

    def __init__(self, key: bytes, *former: bytes) -> None:
        self._key_id = _key_id(key)
        self._ciphers = {_key_id(each): AESGCM(each) for each in (key, *former)}

    def seal(self, secret: Secret, *, login: str) -> bytes:
        """The secret's text, encrypted for keeping."""
        nonce = os.urandom(_NONCE_BYTES)
        ciphertext = self._ciphers[self._key_id].encrypt(nonce, secret.reveal().encode(), login.encode())
        return _VERSION + self._key_id + nonce + ciphertext

    def is_current(self, sealed: bytes) -> bool:
        """It is sealed under the key that this one seals with."""
        return sealed[: 1 + _KEY_ID_BYTES] == _VERSION + self._key_id

    def open(self, sealed: bytes, *, login: str) -> Secret:
        """The secret again.

        Raises:
            UnsealError: it was not sealed with one of the keys for this login.
        """
        header, ciphertext = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES:]
        cipher = self._ciphers.get(header[1 : 1 + _KEY_ID_BYTES])
        if header[:1] != _VERSION or cipher is None:
            raise UnsealError("it was sealed under another key than this daemon's")
        try:
            return Secret(cipher.decrypt(header[-_NONCE_BYTES:], ciphertext, login.encode()).decode())
        except InvalidTag as error:
            raise UnsealError("it is damaged, or was sealed for another login") from error


def new_key() -> bytes:
    """Another key."""
    return os.urandom(_KEY_BYTES)


def render_key_file(keys: Sequence[bytes]) -> bytes:
    """What a key file holds: the key, and while a rotation is under way the one before."""
    return b"".join(base64.b64encode(key) + b"\n" for key in keys)


def read_key_file(path: Path) -> tuple[bytes, ...]:
    """The keys that the file holds, 32 bytes in base64 a line: the one to seal with, then those before it.

    Raises:
        KeyFileError: it is not there, is readable by others, or holds something else.
    """
    how = "make one with: head -c 32 /dev/urandom | base64"
    try:
        if path.stat().st_mode & 0o007:
            raise KeyFileError(f"{path} can be read by every user of this machine: chmod 600 it")
        keys = tuple(base64.b64decode(line, validate=True) for line in path.read_text().split())
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}; {how}") from error
    except (binascii.Error, ValueError) as error:
        raise KeyFileError(f"{path} is not base64; {how}") from error
    if not keys:
        raise KeyFileError(f"{path} is empty; {how}")
    for key in keys:
        if len(key) != _KEY_BYTES:
            raise KeyFileError(f"{path} holds a key of {len(key)} bytes, which must be {_KEY_BYTES}; {how}")
    return keys


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"capyd key id\x00" + key).digest()[:_KEY_ID_BYTES]
