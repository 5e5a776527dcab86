"""Public keys: read from a key set (RFC 7517) or from PEM, each bound to the algorithms that it may be used with."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import PyJWTError

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey

_RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_EC: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_SMALLEST_RSA: Final = 2048
_READERS: Final[Mapping[str, type[RSAAlgorithm | ECAlgorithm | OKPAlgorithm]]] = {
    "RSA": RSAAlgorithm,
    "EC": ECAlgorithm,
    "OKP": OKPAlgorithm,
}
_PEM: Final = re.compile(rb"-----BEGIN (PUBLIC KEY|CERTIFICATE)-----.+?-----END \1-----", re.DOTALL)


class NoKeysError(Exception):
    """The text holds no key that could be used."""


@dataclass(frozen=True, slots=True)
class Key:
    """A public key, and what it may be used for."""

    kid: str | None
    public: PublicKey
    algorithms: tuple[str, ...]


class KeySet:
    """The keys of one issuer."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys = tuple(keys)

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, kid: str | None, algorithm: str) -> list[PublicKey]:
        """The keys that may have signed: those of the id, and those that have none, as keys from PEM.

        A token without an id fits a set of a single key, and keys without ids.
        """
        fitting = [key for key in self._keys if algorithm in key.algorithms]
        if kid is None and len(self._keys) == 1:
            return [key.public for key in fitting]
        named = [] if kid is None else [key.public for key in fitting if key.kid == kid]
        return named or [key.public for key in fitting if key.kid is None]


def read_key_set(text: bytes) -> KeySet:
    """The usable keys of a JSON Web Key Set. Others in it are passed over: it may be for many purposes.

    Raises:
        NoKeysError: it is none, or has no usable key.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NoKeysError("it is not JSON") from error
    entries = document.get("keys") if isinstance(document, dict) else None
    keys = [key for entry in entries if (key := _key(entry)) is not None] if isinstance(entries, list) else []
    return _not_empty(keys)


def read_pem(text: bytes) -> KeySet:
    """The public keys of a PEM file: `PUBLIC KEY` or `CERTIFICATE`, one or several, while they are exchanged.

    Raises:
        NoKeysError: there is none.
    """
    keys = []
    for match in _PEM.finditer(text):
        try:
            if match[1] == b"CERTIFICATE":
                public: Any = x509.load_pem_x509_certificate(match[0]).public_key()
            else:
                public = load_pem_public_key(match[0])
        except (ValueError, UnsupportedAlgorithm) as error:
            raise NoKeysError("it holds something that is not a public key") from error
        if algorithms := _algorithms(public):
            keys.append(Key(None, public, algorithms))
    return _not_empty(keys)


def _key(entry: Any) -> Key | None:
    """The entry as a key; None where it is not one for signatures, is symmetric, private, or too weak."""
    if not isinstance(entry, dict) or "d" in entry or entry.get("use", "sig") != "sig":
        return None
    operations = entry.get("key_ops", ["verify"])
    reader = _READERS.get(str(entry.get("kty")))
    kid = entry.get("kid")
    if reader is None or not isinstance(operations, list) or "verify" not in operations:
        return None
    if kid is not None and not isinstance(kid, str):
        return None
    try:
        public: Any = reader.from_jwk(entry)
    except (PyJWTError, ValueError, TypeError, KeyError, UnsupportedAlgorithm):
        return None
    algorithms = _algorithms(public)
    if "alg" in entry:
        algorithms = tuple(algorithm for algorithm in algorithms if algorithm == entry["alg"])
    return Key(kid, public, algorithms) if algorithms else None


def _algorithms(public: object) -> tuple[str, ...]:
    """With which algorithms the key may be used: what keeps one kind of key from being taken for another."""
    if isinstance(public, rsa.RSAPublicKey):
        return _RSA if public.key_size >= _SMALLEST_RSA else ()
    if isinstance(public, ec.EllipticCurvePublicKey):
        name = _EC.get(public.curve.name)
        return () if name is None else (name,)
    if isinstance(public, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return ("EdDSA",)
    return ()


def _not_empty(keys: list[Key]) -> KeySet:
    if not keys:
        raise NoKeysError("it has no public key for signatures (RSA of 2048 bits or more, EC, Ed25519)")
    return KeySet(keys)
