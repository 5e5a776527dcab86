"""What a setting's text may be: paths, addresses, spans. Each refusal says what would be right."""

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from capyd.domain.durations import parse_duration
from capyd.domain.errors import InvalidError

# Where a Unix socket's path no longer fits the kernel's structure (sun_path), its final NUL included.
_SOCKET_PATH_BYTES = 107
_CREDENTIALS = "$CREDENTIALS_DIRECTORY/"
# Where `scripts/install` keeps the files that the unit loads: for a command that no service manager started.
_CREDENTIALS_BY_HAND = "/etc/capyd/credentials"


def _cluster_id(text: str) -> str:
    if not re.fullmatch(r"cls_[A-Za-z0-9_-]{1,60}", text):
        raise ValueError("must be cls_ and 1 to 60 letters, digits, - or _")
    return text


def _in_credentials(value: object) -> object:
    """A path may begin with the directory in which systemd puts a unit's credentials."""
    if not isinstance(value, str) or not value.startswith(_CREDENTIALS):
        return value
    directory = os.environ.get("CREDENTIALS_DIRECTORY", _CREDENTIALS_BY_HAND)
    return f"{directory}/{value.removeprefix(_CREDENTIALS)}"


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("must be an absolute path")
    return path


def _short_enough(path: Path) -> Path:
    if len(str(path).encode()) > _SOCKET_PATH_BYTES:
        raise ValueError(f"is longer than the {_SOCKET_PATH_BYTES} bytes that a Unix socket's path may have")
    return path


def _issuer_url(url: str) -> str:
    if not re.fullmatch(r"(https://[^\s/?#@]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?)(/[^\s?#]*)?", url):
        raise ValueError("must be an https address, or http on this host's loopback address")
    return url


def _duration(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return parse_duration(value)
    except InvalidError as error:
        raise ValueError(error.message) from error


def _loopback(address: str) -> str:
    if not re.fullmatch(r"(127\.\d+\.\d+\.\d+|localhost|\[::1\]):\d{1,5}", address):
        raise ValueError("must be a loopback address with a port, such as 127.0.0.1:7070: tokens travel in plain text")
    return address


def _host_and_port(address: str) -> str:
    if not re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):\d{1,5}", address):
        raise ValueError("must be host:port, such as 127.0.0.1:9187")
    return address


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
CredentialPath = Annotated[Path, BeforeValidator(_in_credentials), AfterValidator(_absolute)]
SocketPath = Annotated[Path, AfterValidator(_absolute), AfterValidator(_short_enough)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
Port = Annotated[int, Field(ge=1, le=65535)]
SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
ClusterId = Annotated[str, AfterValidator(_cluster_id)]
IssuerUrl = Annotated[str, AfterValidator(_issuer_url)]
LoopbackAddress = Annotated[str, AfterValidator(_loopback)]
HostAndPort = Annotated[str, AfterValidator(_host_and_port)]
