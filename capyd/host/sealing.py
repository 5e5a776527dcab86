"""Encrypts what must be shown again: project passwords, under a key that is not in the state file.

AES-256-GCM. Form of a sealed text: one byte of version, four of key id, twelve of nonce, then the ciphertext. The
name of the login is authenticated with it, so that one project's sealed password cannot be put in another's row.
"""

import base64
import binascii
import hashlib
import os
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
    """Seals and opens with one key."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._key_id = hashlib.sha256(b"capyd key id\x00" + key).digest()[:_KEY_ID_BYTES]

    def seal(self, secret: Secret, *, login: str) -> bytes:
        """The secret's text, encrypted for keeping."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + self._key_id + nonce + self._cipher.encrypt(nonce, secret.reveal().encode(), login.encode())

    def open(self, sealed: bytes, *, login: str) -> Secret:
        """The secret again.

        Raises:
            UnsealError: it was not sealed with this key for this login.
        """
        header, ciphertext = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES:]
        if header[:1] != _VERSION or header[1 : 1 + _KEY_ID_BYTES] != self._key_id:
            raise UnsealError("it was sealed under another key than this daemon's")
        try:
            return Secret(self._cipher.decrypt(header[-_NONCE_BYTES:], ciphertext, login.encode()).decode())
        except InvalidTag as error:
            raise UnsealError("it is damaged, or was sealed for another login") from error


def read_key_file(path: Path) -> bytes:
    """The 32 bytes that the file holds in base64.

    Raises:
        KeyFileError: it is not there, is readable by others, or holds something else.
    """
    how = "make one with: head -c 32 /dev/urandom | base64"
    try:
        if path.stat().st_mode & 0o007:
            raise KeyFileError(f"{path} can be read by every user of this machine: chmod 600 it")
        key = base64.b64decode(path.read_text().strip(), validate=True)
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}; {how}") from error
    except (binascii.Error, ValueError) as error:
        raise KeyFileError(f"{path} is not base64; {how}") from error
    if len(key) != _KEY_BYTES:
        raise KeyFileError(f"{path} holds {len(key)} bytes and must hold {_KEY_BYTES}; {how}")
    return key
