"""The caller's token, out of the request's headers. What it may is the daemon's to say."""

import re
from collections.abc import Mapping

from aiohttp import hdrs

from capyd_http.errors import ApiError

# gRPC servers refuse metadata beyond 8 KiB in all; a token of this length leaves the rest its room.
_TOKEN = re.compile(r"[!-~]{1,4096}")
_EXPECTED = "send Authorization: Bearer <token>, or X-API-Key: <token>"


def read_token(headers: Mapping[str, str]) -> str:
    """The token of `Authorization: Bearer`, or else of `X-API-Key`.

    Raises:
        ApiError: 401, there is none, or none that could be one.
    """
    token = headers.get("X-API-Key", "")
    authorization = headers.get(hdrs.AUTHORIZATION)
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise _unauthenticated(f"the Authorization header has no Bearer token: {_EXPECTED}")
    token = token.strip(" ")
    if not token:
        raise _unauthenticated(f"a token is needed: {_EXPECTED}")
    if not _TOKEN.fullmatch(token):
        raise _unauthenticated("the token is not valid: it is 1 to 4096 visible ASCII characters")
    return token


def _unauthenticated(message: str) -> ApiError:
    return ApiError(401, message, code="unauthenticated")
