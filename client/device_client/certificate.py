"""A device's own key and certificate: EC P-256, self-signed, for TLS client authentication.

Pure: values in, values out.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DEFAULT_VALIDITY = timedelta(days=365)
# Clocks of devices are seldom exact; the server refuses a certificate from its future.
_BACKDATED = timedelta(hours=1)


@dataclass(frozen=True)
class CertificateFacts:
    """What a certificate is known by: its SHA-256 (64 lower-case hex digits) and its dates."""

    sha256: str
    not_before: datetime
    not_after: datetime


def make_credentials(now: datetime, validity: timedelta = DEFAULT_VALIDITY) -> bytes:
    """Return a new private key and its certificate, both PEM, in one text.

    The common name is random: certificates of one maker must not be mistaken for each other,
    and it tells nothing about who wears the device.
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
        .add_extension(_signing_only(), critical=True)
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


def _signing_only() -> x509.KeyUsage:
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
    """Return the facts of the first certificate in ``credentials``; ``ValueError`` if none.

    Raises ``ValueError`` too when the private key is missing or belongs to another certificate.
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
