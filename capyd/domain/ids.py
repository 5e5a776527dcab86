"""Opaque, URL-safe ids with a prefix that says what they name: `prj_`, `job_`, `org_`, `key_`, `cls_`."""

import secrets
from typing import Literal

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_LENGTH = 20  # 103 bits: never the same twice

IdPrefix = Literal["prj", "job", "org", "key", "cls", "boot", "req", "stream", "aud"]


def new_id(prefix: IdPrefix) -> str:
    """A fresh id, such as `prj_3k9x...`."""
    return f"{prefix}_" + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
