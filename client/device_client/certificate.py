"""Certificates: the device's own, and the authorities that may certify the server."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from device_client.errors import CaBundleError

DEFAULT_VALIDITY = timedelta(days=365)
# Device clocks are seldom exact, and the server refuses a certificate that is not yet valid.
_BACKDATED = timedelta(hours=1)


@dataclass(frozen=True)
class CertificateFacts:
    """A certificate's SHA-256 (64 lower-case hex digits) and its validity in UTC."""

    sha256: str
    not_before: datetime
    not_after: datetime


def make_credentials(now: datetime, validity: timedelta = DEFAULT_VALIDITY) -> bytes:
    """Make an EC P-256 key and its self-signed certificate; return both as one PEM text.

    The common name is random: it distinguishes the certificates of one maker and reveals nothing
    about the wearer.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"device-{secrets.token_hex(16)}")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + validity)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_make_key_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return secret + certificate.public_bytes(serialization.Encoding.PEM)


def _make_key_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def read_facts(credentials: bytes) -> CertificateFacts:
    """Return the facts of the first certificate in the PEM text ``credentials``.

    Raises ``ValueError`` if the certificate or the private key is missing, or if they do not match.
    """
    key = serialization.load_pem_private_key(credentials, password=None)
    certificate = x509.load_pem_x509_certificate(credentials)
    if key.public_key() != certificate.public_key():
        raise ValueError("the key and the certificate do not belong together")
    return CertificateFacts(
        sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        not_before=certificate.not_valid_before_utc.astimezone(UTC),
        not_after=certificate.not_valid_after_utc.astimezone(UTC),
    )


def find_system_authorities() -> Path:
    """Return the system's CA bundle; certifi's if the system has none."""
    paths = ssl.get_default_verify_paths()
    candidates = [paths.cafile]
    if paths.capath:
        candidates.append(str(Path(paths.capath) / "ca-certificates.crt"))
    existing = [Path(name) for name in candidates if name and Path(name).is_file()]
    return existing[0] if existing else Path(certifi.where())


def combine_authorities(extra: Sequence[Path]) -> bytes:
    """Return the system's certificate authorities and those in the files ``extra`` as one PEM text.

    Raises ``CaBundleError`` if a file cannot be read or holds no certificate.
    """
    system = find_system_authorities().read_bytes()
    return b"\n".join([system, *(_read_authorities(path) for path in extra), b""])


def _read_authorities(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        x509.load_pem_x509_certificates(content)
    except OSError as error:
        raise CaBundleError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise CaBundleError(f"{path} holds no certificate in PEM form") from error
    return content
