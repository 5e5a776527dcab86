"""A certificate authority, a server's certificate and a client's, for trying TLS: `dev_ca.py DIRECTORY`.

For production use the authority that you have: this one's key lies beside its certificates.
"""

import argparse
import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALID_BEFORE_NOW = timedelta(hours=1)
Pair = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev-ca", description=__doc__)
    parser.add_argument("directory", type=Path, help="where the files go; an authority that is there is used again")
    parser.add_argument(
        "--server", nargs="+", default=["localhost", "127.0.0.1", "::1"], metavar="NAME", help="of the server"
    )
    parser.add_argument("--client", default="controller.test", metavar="NAME", help="of the fleet controller")
    parser.add_argument("--days", type=int, default=365, help="how long the certificates last")
    arguments = parser.parse_args()
    directory: Path = arguments.directory
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    lasts = timedelta(days=arguments.days)
    authority = _authority(directory)
    _write(directory, "server", _certificate(authority, arguments.server, ExtendedKeyUsageOID.SERVER_AUTH, lasts))
    _write(directory, "client", _certificate(authority, [arguments.client], ExtendedKeyUsageOID.CLIENT_AUTH, lasts))
    for name in ("ca.crt", "ca.key", "server.crt", "server.key", "client.crt", "client.key"):
        print(directory / name)


def _authority(directory: Path) -> Pair:
    certificate, key = directory / "ca.crt", directory / "ca.key"
    if certificate.exists() and key.exists():
        read = serialization.load_pem_private_key(key.read_bytes(), password=None)
        if isinstance(read, ec.EllipticCurvePrivateKey):
            return x509.load_pem_x509_certificate(certificate.read_bytes()), read
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"capyd dev-ca {datetime.now(UTC):%Y-%m-%d %H:%M:%S}")])
    pair = (
        _builder(name, name, private, timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256()),
        private,
    )
    _write(directory, "ca", pair)
    return pair


def _certificate(authority: Pair, names: list[str], usage: x509.ObjectIdentifier, lasts: timedelta) -> Pair:
    issuer, issuer_key = authority
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    certificate = (
        _builder(subject, issuer.subject, private, lasts)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return certificate, private


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.UniformResourceIdentifier(name) if "://" in name else x509.DNSName(name)


def _builder(
    subject: x509.Name, issuer: x509.Name, private: ec.EllipticCurvePrivateKey, lasts: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _VALID_BEFORE_NOW)
        .not_valid_after(now + lasts)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
    )


def _write(directory: Path, name: str, pair: Pair) -> None:
    certificate, private = pair
    key = directory / f"{name}.key"
    key.touch(mode=0o600)
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    (directory / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


if __name__ == "__main__":
    main()
