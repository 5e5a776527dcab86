"""Passwords and their SCRAM-SHA-256 verifiers (RFC 5803), computed here so that no server sees a password."""

import base64
import hashlib
import hmac
import os
import re
import secrets
import string

from capyd.domain.secret import Secret

_ALPHABET = string.ascii_letters + string.digits
_PASSWORD_CHARACTERS = 32
_SALT_BYTES = 16
_ITERATIONS = 4096

# The server keeps a ready-made verifier as it was sent, and reads its number of iterations past white space: a tenant
# can set one with a line break in it, and so write a line into the pooler's auth file.
_PLAIN = re.compile(r"SCRAM-SHA-256\$[0-9]{1,9}:[A-Za-z0-9+/=]{1,200}\$[A-Za-z0-9+/=]{44}:[A-Za-z0-9+/=]{44}")


def new_password() -> Secret:
    """32 random letters and digits (190 bits), which need no quoting in a URL."""
    return Secret("".join(secrets.choice(_ALPHABET) for _ in range(_PASSWORD_CHARACTERS)))


def scram_verifier(password: Secret) -> Secret:
    """The text that PostgreSQL keeps of `password`, as its own `ALTER ROLE ... PASSWORD` would make it.

    Every call takes a new salt: keep the verifier, and hand the same one to server and pooler.
    `password` must be ASCII (which `new_password` is): others would need SASLprep first.
    """
    salt = os.urandom(_SALT_BYTES)
    salted = hashlib.pbkdf2_hmac("sha256", password.reveal().encode("ascii"), salt, _ITERATIONS)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    return Secret(f"SCRAM-SHA-256${_ITERATIONS}:{_base64(salt)}${_base64(stored_key)}:{_base64(server_key)}")


def is_plain_verifier(verifier: Secret | None) -> bool:
    """It has the form that PostgreSQL itself writes: the pooler can be given it."""
    return verifier is not None and _PLAIN.fullmatch(verifier.reveal()) is not None


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
