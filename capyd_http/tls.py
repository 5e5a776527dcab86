"""The gateway's own HTTPS: its certificate, taken up anew when the files change, by whoever connects next."""

import asyncio
import ipaddress
import ssl
from pathlib import Path
from typing import Final

from capyd.runtime.logs import get_logger

logger = get_logger(__name__)

_LOOK_EVERY_SECONDS: Final = 5.0


class CertificateError(Exception):
    """The files cannot be used. Its text says which and why, in one sentence."""


class Certificate:
    """A certificate with its chain, and its key."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Read them.

        Raises:
            CertificateError: they cannot be read, or do not belong together.
        """
        self._certificate = certificate
        self._key = key
        self.context = _load(certificate, key)
        """For TLS 1.2 and 1.3. A connection keeps what it began with."""
        self._stamps = self._stamp()

    async def look_again_and_again(self) -> None:
        """Take up what the files hold whenever they have changed, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Take up what the files hold if they have changed. What cannot be used changes nothing."""
        try:
            stamps = self._stamp()
            if stamps == self._stamps:
                return
            # Elsewhere first: a certificate without its key in the context in force would stop all.
            _load(self._certificate, self._key)
            self.context.load_cert_chain(self._certificate, self._key)
        except (OSError, CertificateError) as error:
            logger.warning("certificate.refused", reason=str(error))
            return
        self._stamps = stamps
        logger.info("certificate.reloaded", certificate=str(self._certificate))

    def _stamp(self) -> tuple[tuple[int, int, int], ...]:
        found = (path.stat() for path in (self._certificate, self._key))
        return tuple((each.st_mtime_ns, each.st_ino, each.st_size) for each in found)


def warn_of_plain_text(host: str) -> None:
    """Say once that somebody else has to do TLS, where others than this host can connect."""
    try:
        is_here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_here = host == "localhost"
    if not is_here:
        logger.warning(
            "gateway.plain_text",
            host=host,
            reason="tokens travel in plain text: set tls_certificate_file and tls_key_file, or use a TLS proxy",
        )


def _load(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        raise CertificateError(f"{certificate} and {key} are not a certificate and its key: {error.reason}") from error
    except OSError as error:
        raise CertificateError(f"{certificate} or {key} cannot be read: {error.strerror}") from error
    return context
