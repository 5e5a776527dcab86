"""The TLS of the fleet listener: its files, read again when they change, by whoever connects next.

That it is TLS 1.3 is `capyd.runtime.grpc_environment`'s doing: gRPC has no setting for it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from capyd.config.settings import ListenSettings
from capyd.rpc.listeners import ListenError
from capyd.runtime.logs import get_logger

logger = get_logger(__name__)


class FleetTlsError(ListenError):
    """The files cannot be used. Its text says which and why."""


@dataclass(frozen=True, slots=True)
class FleetFiles:
    """Where they are."""

    certificate: Path
    key: Path
    client_authority: Path

    @property
    def stamps(self) -> tuple[tuple[int, int, int], ...]:
        """Changes when a file does."""
        found = (path.stat() for path in (self.certificate, self.key, self.client_authority))
        return tuple((each.st_mtime_ns, each.st_ino, each.st_size) for each in found)


def fleet_files(settings: ListenSettings) -> FleetFiles:
    """The files of the settings, which name all three."""
    certificate, key = settings.fleet_certificate_file, settings.fleet_key_file
    authority = settings.fleet_client_ca_file
    if certificate is None or key is None or authority is None:
        raise FleetTlsError("fleet_certificate_file, fleet_key_file and fleet_client_ca_file are needed")
    return FleetFiles(certificate, key, authority)


def credentials(files: FleetFiles) -> grpc.ServerCredentials:
    """What the listener shows and asks for: every client must have a certificate of the authority's.

    Each handshake looks whether the files have changed; connections that stand are left as they are.

    Raises:
        FleetTlsError: the files cannot be read, or do not fit together.
    """
    stamps = files.stamps if all(path.exists() for path in _paths(files)) else ()
    return grpc.dynamic_ssl_server_credentials(
        _configuration(files), _fetcher(files, stamps), require_client_authentication=True
    )


def _fetcher(files: FleetFiles, stamps: tuple[object, ...]) -> "Callable[[], grpc.ServerCertificateConfiguration]":
    """gRPC calls it before each handshake, in a thread of its own; None: nothing has changed."""
    last: list[tuple[object, ...]] = [stamps]

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        try:
            now = files.stamps
            if now == last[0]:
                return None
            configuration = _configuration(files)
        except (OSError, FleetTlsError) as error:
            # One of two files is new, say. What is in force stays so, and the next handshake looks again.
            logger.warning("fleet.certificate_refused", reason=str(error))
            return None
        last[0] = now
        logger.info("fleet.certificate_reloaded", certificate=str(files.certificate))
        return configuration

    return fetch  # type: ignore[return-value]  # the stubs do not know that None is taken (gRFC L13)


def _configuration(files: FleetFiles) -> grpc.ServerCertificateConfiguration:
    try:
        certificate, key, authority = (path.read_bytes() for path in _paths(files))
    except OSError as error:
        raise FleetTlsError(f"{error.filename} cannot be read: {error.strerror}") from error
    try:
        shown = x509.load_pem_x509_certificates(certificate)[0]
        private = serialization.load_pem_private_key(key, password=None)
        x509.load_pem_x509_certificates(authority)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise FleetTlsError(f"{files.certificate}, {files.key} or {files.client_authority} is not PEM") from error
    if private.public_key() != shown.public_key():
        raise FleetTlsError(f"{files.key} is not the key of {files.certificate}")
    return grpc.ssl_server_certificate_configuration([(key, certificate)], root_certificates=authority)


def _paths(files: FleetFiles) -> tuple[Path, Path, Path]:
    return files.certificate, files.key, files.client_authority
