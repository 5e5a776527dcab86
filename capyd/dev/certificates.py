"""A certificate authority of the stack's own, and the certificate that its PostgreSQL and PgBouncer show."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from capyd.host.users import OsUser
from capyd.runtime.atomic_file import write_atomically

_AUTHORITY_LASTS = timedelta(days=3650)
# As long as clients put up with at most (Apple's platforms refuse more).
_CERTIFICATE_LASTS = timedelta(days=825)
_RENEWED_BEFORE_THE_END = timedelta(days=90)
# Clocks differ, in virtual machines most of all.
_VALID_BEFORE_NOW = timedelta(hours=1)

_NAMES = ("localhost",)
_ADDRESSES = ("127.0.0.1", "::1")
_ALL_LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where they are."""

    authority: Path
    """What clients are given as `sslrootcert`: it says nothing secret."""
    authority_key: Path
    certificate: Path
    key: Path


def ensure_certificates(files: CertificateFiles, *, server_user: OsUser, now: datetime | None = None) -> None:
    """Make the authority and the servers' certificate, unless they are there and last a while.

    The authority can vouch for this machine's loopback names alone: whoever trusts it is not at the mercy of its key.
    """
    now = datetime.now(UTC) if now is None else now
    authority = _read_pair(files.authority, files.authority_key)
    if authority is None or _ends_soon(authority[0], now):
        authority = _make_authority(now)
        _write_pair(authority, files.authority, files.authority_key)
        files.authority.chmod(0o644)
    shown = _read_pair(files.certificate, files.key)
    if shown is None or _ends_soon(shown[0], now) or not _vouches(authority[0], shown[0]):
        _write_pair(_make_certificate(authority, now), files.certificate, files.key)
        # PostgreSQL takes a key that is its own, and shut to everybody else.
        os.chown(files.key, server_user.uid, server_user.gid)


Pair = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def _make_authority(now: datetime) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"capyd dev {now:%Y-%m-%d %H:%M:%S}")])
    permitted = [*map(x509.DNSName, _NAMES), *(x509.IPAddress(network) for network in _ALL_LOOPBACK)]
    certificate = (
        _builder(name, name, key, now, _AUTHORITY_LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(permitted_subtrees=permitted, excluded_subtrees=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate, key


def _make_certificate(authority: Pair, now: datetime) -> Pair:
    issuer, issuer_key = authority
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _NAMES[0])])
    names = [*map(x509.DNSName, _NAMES), *(x509.IPAddress(ip_address(address)) for address in _ADDRESSES)]
    certificate = (
        _builder(subject, issuer.subject, key, now, _CERTIFICATE_LASTS)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return certificate, key


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, lasts: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _VALID_BEFORE_NOW)
        .not_valid_after(now + lasts)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _read_pair(certificate: Path, key: Path) -> Pair | None:
    """What the two files hold, or None where they are not a pair: a start that was killed between the two."""
    try:
        read = x509.load_pem_x509_certificate(certificate.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.public_key() != read.public_key():
        return None
    return read, private


def _write_pair(pair: Pair, certificate: Path, key: Path) -> None:
    written, private = pair
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_atomically(key, pem, new_mode=0o600)
    write_atomically(certificate, written.public_bytes(serialization.Encoding.PEM))


def _ends_soon(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_after_utc - now < _RENEWED_BEFORE_THE_END


def _vouches(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
