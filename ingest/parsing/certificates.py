"""Parse client certificates: from nginx's header to DER, from DER to values. Pure.

The upload path only decodes and hashes the header: a known fingerprint was parsed and checked when
it was bound. ``parse`` is for registrations and refusals. ``ingest.parsing.certificate_policy``
decides which certificates are accepted.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from urllib.parse import unquote_to_bytes

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from ingest.escaping import escape

# Ordinary certificates have 0.4 to 2 KB, post-quantum ones up to about 12 KB. Escaped, 16 KiB are
# 24 KB of header, which nginx and gunicorn let through: a larger certificate gets an answer from
# here that names the cause, and not a closed connection.
MAX_DER_BYTES: Final = 16 * 1024
# If every character were escaped: 3 * 4/3 * 65/64, and the two marker lines.
_MAX_ESCAPED_LENGTH: Final = 5 * MAX_DER_BYTES
MAX_SUBJECT_LENGTH: Final = 256

_BEGIN: Final = b"-----BEGIN CERTIFICATE-----\n"
_END: Final = b"-----END CERTIFICATE-----"

_VERSION = 0xA0  # the context tag of the version field
_ECDSA_WITH_NULL = re.compile(
    rb"\x30[\x0b\x0c](\x06\x07\x2a\x86\x48\xce\x3d\x04\x01"
    rb"|\x06\x08\x2a\x86\x48\xce\x3d\x04\x03[\x01-\x04])\x05\x00"
)

_CURVE_NAMES: Final = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


UnreadableReason = Literal["pem", "base64", "size", "der"]


class UnreadableCertificate(ValueError):
    """The header does not hold exactly one certificate in nginx's form."""

    def __init__(self, reason: UnreadableReason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """The fields of a certificate that are stored and shown.

    ``sha256`` is the 32-byte digest of ``der``; ``subject`` is safe to show anywhere (no control,
    bidirectional or other unprintable characters), of at most 256 characters; ``key_type`` is
    ``EC P-256``, ``RSA 2048``, ``Ed25519`` and so on; both dates are aware, in UTC.
    """

    der: bytes
    sha256: bytes
    subject: str
    key_type: str
    not_before: datetime
    not_after: datetime


# --- From the header to DER: the upload path -------------------------------------------------
def decode(escaped_pem: str) -> bytes:
    """Return the DER of nginx's ``$ssl_client_escaped_cert``; raise ``UnreadableCertificate``.

    Strict where the standard library is not: exactly one block, nothing around it, nothing in it
    but base64. (A lenient reader skips damage and yields the digest of another certificate.)
    """
    if len(escaped_pem) > _MAX_ESCAPED_LENGTH:
        raise UnreadableCertificate("size")
    if not escaped_pem.isascii():
        raise UnreadableCertificate("pem")
    pem = unquote_to_bytes(escaped_pem).removesuffix(b"\n")
    if not (pem.startswith(_BEGIN) and pem.endswith(_END)):
        raise UnreadableCertificate("pem")
    body = pem[len(_BEGIN) : -len(_END)]
    try:
        der = base64.b64decode(body.replace(b"\n", b""), validate=True)
    except binascii.Error as error:
        raise UnreadableCertificate("base64") from error
    if not 0 < len(der) <= MAX_DER_BYTES:
        raise UnreadableCertificate("size")
    return der


def fingerprint(der: bytes) -> bytes:
    """Return the SHA-256 of a certificate, 32 bytes."""
    return hashlib.sha256(der).digest()


# --- From DER to values: registrations and refusals -------------------------------------------
_warning_filters = threading.Lock()


@contextmanager
def open_certificate(der: bytes) -> Iterator[x509.Certificate]:
    """Load the certificate with warnings suppressed; raise ``UnreadableCertificate``.

    Reading any field may make `cryptography` warn of defects (a serial number below one) that do
    not matter for a certificate known by its fingerprint.
    """
    # Warning filters belong to the whole process: one thread at a time.
    with _warning_filters, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield _load(der)


def _load(der: bytes) -> x509.Certificate:
    try:
        readable = remove_algorithm_null(der)  # the digest stays that of the device's own bytes
        certificate = x509.load_der_x509_certificate(readable)
        same = certificate.public_bytes(Encoding.DER) == readable
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise UnreadableCertificate("der") from error
    if not same:  # two encodings of one certificate would have two fingerprints
        raise UnreadableCertificate("der")
    return certificate


def parse(der: bytes) -> ClientCertificate:
    """Return the fields of a certificate, acceptable or not; raise ``UnreadableCertificate``."""
    with open_certificate(der) as certificate:
        try:
            not_before = certificate.not_valid_before_utc
            not_after = certificate.not_valid_after_utc
        except ValueError as error:
            raise UnreadableCertificate("der") from error
        return ClientCertificate(
            der=der,
            sha256=fingerprint(der),
            subject=_subject(certificate),
            key_type=_key_type(certificate),
            not_before=not_before,
            not_after=not_after,
        )


def _subject(certificate: x509.Certificate) -> str:
    try:
        return escape(certificate.subject.rfc4514_string(), MAX_SUBJECT_LENGTH)
    except (ValueError, TypeError):  # a TypeError: a string type that the attribute forbids
        return "(unreadable)"


def _key_type(certificate: x509.Certificate) -> str:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return f"unknown ({certificate.public_key_algorithm_oid.dotted_string})"[:40]
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {_CURVE_NAMES.get(key.curve.name, key.curve.name)}"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    return type(key).__name__.removesuffix("PublicKey")


# --- NULL parameters of ECDSA algorithm identifiers ------------------------------------------
def remove_algorithm_null(der: bytes) -> bytes:
    """Return the certificate without NULL parameters in its two ECDSA algorithm identifiers.

    RFC 5758 forbids parameters after ``ecdsa-with-SHA256`` and the like. Mbed TLS wrote a NULL
    until 3.5 and 2.28.4, and so do others; OpenSSL reads it, `cryptography` does not. Raises
    ``ValueError`` for anything that is not a certificate in DER.
    """
    fields, end = _content(der, 0)
    tbs_fields, tbs_end = _content(der, fields)
    inner = tbs_fields
    if der[inner : inner + 1] == bytes([_VERSION]):
        inner = _content(der, inner)[1]
    inner = _content(der, inner)[1]  # past the serial number
    inner_end, outer_end = _content(der, inner)[1], _content(der, tbs_end)[1]
    if end != len(der) or inner_end > tbs_end or outer_end > end:
        raise ValueError("not a certificate")
    tbs = der[tbs_fields:inner] + _fix_identifier(der[inner:inner_end]) + der[inner_end:tbs_end]
    return _sequence(_sequence(tbs) + _fix_identifier(der[tbs_end:outer_end]) + der[outer_end:])


def _fix_identifier(identifier: bytes) -> bytes:
    match = _ECDSA_WITH_NULL.fullmatch(identifier)
    return _sequence(match[1]) if match else identifier


def _content(der: bytes, at: int) -> tuple[int, int]:
    """Return start and end of the content of the element at ``at``."""
    first = int.from_bytes(der[at + 1 : at + 2])
    more = first - 0x80 if first > 0x80 else 0
    size = int.from_bytes(der[at + 2 : at + 2 + more]) if more else first
    begin = at + 2 + more
    if der[at + 1 : begin] != _length(size) or begin + size > len(der):
        raise ValueError("no length, not the shortest form, or beyond the end")
    return begin, begin + size


def _sequence(content: bytes) -> bytes:
    return b"\x30" + _length(len(content)) + content


def _length(size: int) -> bytes:
    if size < 0x80:
        return bytes([size])
    digits = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([0x80 + len(digits)]) + digits
