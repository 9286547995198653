"""Certificates to order, fit and unfit, and the header in which nginx passes them on."""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

ODD = Path(__file__).resolve().parents[2] / "data" / "certificates"

Extension = tuple[x509.ExtensionType, bool]


@cache
def signing_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def rsa_public_key(bits: int) -> rsa.RSAPublicKey:
    # No private key is needed: nothing verifies a self-signature.
    return rsa.RSAPublicNumbers(e=65537, n=2 ** (bits - 1) + 1).public_key()


def make_certificate(
    *,
    name: str | None = "device",
    key: CertificatePublicKeyTypes | None = None,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    extensions: Iterable[Extension] = (),
    padding: int = 0,
) -> bytes:
    """Return the DER of a new certificate; each call gives another one."""
    now = datetime.now(UTC)
    attributes = [] if name is None else [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(attributes))
        .issuer_name(x509.Name(attributes))
        .public_key(key or signing_key().public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before or now - timedelta(days=1))
        .not_valid_after(not_after or now + timedelta(days=365))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    if padding:
        stuffing = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), bytes(padding))
        builder = builder.add_extension(stuffing, critical=False)
    return builder.sign(signing_key(), hashes.SHA256()).public_bytes(Encoding.DER)


def odd_certificate(name: str) -> bytes:
    """Return the DER of one of the certificates in ``odd/``."""
    lines = (ODD / f"{name}.pem").read_text().splitlines()
    return base64.b64decode("".join(lines[1:-1]))


def pem_of(der: bytes) -> str:
    body = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
    return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"


def header_of(der: bytes) -> str:
    """Return what nginx sends as ``$ssl_client_escaped_cert``."""
    return quote(pem_of(der), safe="-_.~")
