"""Every setting of the gateway, with its meaning, unit and default."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, IPvAnyNetwork, model_validator

from capyd.runtime.logs import LogFormat
from capyd.runtime.settings_file import Section


class HttpLogSettings(Section):
    """What is logged, to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: LogFormat = "json"


class HttpMetricsSettings(Section):
    """A listener for Prometheus: `/metrics`, and beside it `/healthz` and `/readyz`."""

    address: Annotated[str, Field(pattern=r"^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):\d{1,5}$")] | None = None
    """`host:port`; without it nothing is measured."""


class HttpTracingSettings(Section):
    """Spans of requests, to an OpenTelemetry collector. Needs the extra `tracing`."""

    endpoint: Annotated[str, Field(pattern=r"^https?://[^\s]+$")] | None = None
    """Its OTLP/HTTP address for traces; without it nothing is traced."""
    sample: Annotated[float, Field(ge=0, le=1)] = 1.0
    """The part of the traces that is kept; the daemon keeps the same ones."""


class HttpSettings(Section):
    """The whole file."""

    listen_host: str = "127.0.0.1"
    """The address to listen on. Without a certificate tokens travel in plain text, and what is beyond this host needs
    a TLS proxy."""
    listen_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """0: any free port, which the log names."""
    tls_certificate_file: Path | None = None
    """The certificate, with its chain: with it the gateway serves HTTPS (TLS 1.2 and 1.3), and nothing else."""
    tls_key_file: Path | None = None
    """Its private key. Both files are read again when they change."""
    backend: Annotated[str, Field(pattern=r"^(unix:/.{1,106}|[^\s/]+:\d{1,5})$")] = "unix:/run/capyd/api.sock"
    """The daemon's API socket, `unix:/path`, or its API address, `host:port`."""
    trusted_proxies: tuple[IPvAnyNetwork, ...] = ()
    """Whose X-Forwarded-For is believed: `["127.0.0.1/32"]` for a proxy on this host. None by default."""
    deadline_seconds: Annotated[float, Field(gt=0, le=300)] = 25
    """How long a body may take to arrive (408), and the daemon to answer (504). Clients give up after 30."""
    max_body_bytes: Annotated[int, Field(ge=1024, le=16 * 1024 * 1024)] = 1024 * 1024
    header_seconds: Annotated[float, Field(gt=0, le=300)] = 10
    """How long the first line and the headers of a request may take to arrive (408), and a TLS handshake."""
    keepalive_seconds: Annotated[float, Field(gt=0, le=3600)] = 75
    """How long a connection may be idle between two requests."""
    max_connections: Annotated[int, Field(ge=1, le=100_000)] = 2000
    """At once. The next is answered with 503."""
    max_connections_per_address: Annotated[int, Field(ge=1, le=100_000)] = 256
    """At once from one IPv4 address or one IPv6 network of 64 bits (429). Trusted proxies are not counted so."""
    metrics: HttpMetricsSettings = HttpMetricsSettings()
    tracing: HttpTracingSettings = HttpTracingSettings()
    logs: HttpLogSettings = HttpLogSettings()

    @model_validator(mode="after")
    def _certificate_with_key(self) -> "HttpSettings":
        if (self.tls_certificate_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_certificate_file and tls_key_file belong together: set both, or neither")
        return self
