"""The id under which a request stands in every log."""

import re
import secrets
from collections.abc import Mapping

from capyd_http.answers import REQUEST_ID_HEADER

_SANE = re.compile(r"[!-~]{1,128}")


def request_id(headers: Mapping[str, str]) -> str:
    """The caller's own id if it is 1 to 128 visible ASCII characters, or a new one."""
    given = headers.get(REQUEST_ID_HEADER, "")
    return given if _SANE.fullmatch(given) else new_request_id()


def new_request_id() -> str:
    """An id nobody else has."""
    return f"req_{secrets.token_hex(12)}"
