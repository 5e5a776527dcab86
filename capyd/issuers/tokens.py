"""A JSON Web Token (RFC 7519), read strictly (RFC 8725) before anything in it is believed."""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from capyd.domain.errors import UnauthenticatedError

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Asymmetric ones alone: with an HMAC, whoever can check a token could make one."""

_LONGEST: Final = 8192
_FORM: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_TYPES: Final = ("jwt", "at+jwt", "application/at+jwt")
_LONGEST_KID: Final = 256


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """What a token says of itself."""

    text: str
    algorithm: str
    kid: str | None
    claims: dict[str, Any]


def has_session_form(text: str) -> bool:
    """It could be a session: three parts with dots between them. An API key has none."""
    return text.count(".") == 2


def read_token(text: str) -> UnverifiedToken:
    """The token's parts. Keys that it carries or points to (`jwk jku x5c x5u`) are never looked at.

    Raises:
        UnauthenticatedError: it is malformed, or asks for what must not be.
    """
    if len(text) > _LONGEST or not _FORM.fullmatch(text):
        raise _malformed()
    first, second, _ = text.split(".")
    header, claims = _json(first), _json(second)
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise UnauthenticatedError("the session is not signed with a key pair: its alg is none of those that are taken")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise UnauthenticatedError("the token is not a session: its typ is not JWT")
    if "crit" in header or header.get("b64", True) is not True:
        raise UnauthenticatedError("the session's header asks for extensions that are not known here")
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= _LONGEST_KID and kid.isprintable()):
        raise _malformed()
    return UnverifiedToken(text, algorithm, kid, claims)


def _json(part: str) -> dict[str, Any]:
    try:
        decoded = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        value = json.loads(decoded.decode(), object_pairs_hook=_without_doubles, parse_constant=_refuse)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _malformed() from error
    if not isinstance(value, dict):
        raise _malformed()
    return value


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two claims of one name, two readers could believe each another one."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands there twice")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _malformed() -> UnauthenticatedError:
    return UnauthenticatedError("the session is not a well-formed JSON Web Token")
