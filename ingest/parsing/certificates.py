"""Client certificates: from nginx's header to bytes, from bytes to values. Pure.

Two levels, because the upload path sees one certificate again and again: ``fingerprint_of``
needs no X.509 (a known fingerprint was parsed and checked when it was bound), ``parse`` is for
registration and for refusals. What is accepted is ``ingest.parsing.certificate_policy``'s to say.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
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
from ingest.parsing.algorithm_identifiers import without_null

# Ordinary certificates have 0.4 to 2 KB, post-quantum ones up to some 12 KB. Escaped, 16 KiB
# are 24 KB of header, which the servers in front let through, so that more than that is
# answered here, readably, and not by a closed connection.
MAX_DER_BYTES: Final = 16 * 1024
# If every character were escaped: 3 * 4/3 * 65/64, and the two marker lines.
_MAX_ESCAPED_LENGTH: Final = 5 * MAX_DER_BYTES
MAX_SUBJECT_LENGTH: Final = 256

_BEGIN: Final = b"-----BEGIN CERTIFICATE-----\n"
_END: Final = b"-----END CERTIFICATE-----"

_CURVE_NAMES: Final = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


UnreadableReason = Literal["pem", "base64", "size", "der"]


class UnreadableCertificate(ValueError):
    """Not one certificate in the form that nginx gives it.

    ``reason`` is ``pem``, ``base64``, ``size`` or ``der``.
    """

    def __init__(self, reason: UnreadableReason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """What is kept and shown of a certificate.

    ``sha256`` is the 32-byte digest of ``der``; ``subject`` is safe to show anywhere (no
    control, bidi or other unprintable character) and has 256 characters at most; ``key_type``
    reads ``EC P-256``, ``RSA 2048``, ``Ed25519``; both dates are aware, in UTC.
    """

    der: bytes
    sha256: bytes
    subject: str
    key_type: str
    not_before: datetime
    not_after: datetime


# --- From the header to bytes: the upload path -----------------------------------------------
def decode(escaped_pem: str) -> bytes:
    """Return the DER of nginx's ``$ssl_client_escaped_cert``; raise ``UnreadableCertificate``.

    Strict where the standard library is not: exactly one block, nothing around it, nothing in
    it but base64. (A lenient reader skips damage and hands on another certificate's digest.)
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


def fingerprint_of(escaped_pem: str) -> bytes:
    """Return the SHA-256 of the certificate in the header; raise ``UnreadableCertificate``."""
    return fingerprint(decode(escaped_pem))


# --- From bytes to values: registration and refusals -----------------------------------------
_warning_filters = threading.Lock()


@contextmanager
def opened(der: bytes) -> Iterator[x509.Certificate]:
    """Give the certificate to look into, without warnings; raise ``UnreadableCertificate``.

    `cryptography` warns of old sins (a serial number below one) that prove nothing about a
    pinned certificate, and may do so at any look.
    """
    # The filters are the whole process's: one thread at a time.
    with _warning_filters, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield _load(der)


def _load(der: bytes) -> x509.Certificate:
    try:
        readable = without_null(der)  # the digest stays that of what the device shows
        certificate = x509.load_der_x509_certificate(readable)
        same = certificate.public_bytes(Encoding.DER) == readable
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise UnreadableCertificate("der") from error
    if not same:  # two encodings of one certificate would be two fingerprints
        raise UnreadableCertificate("der")
    return certificate


def parse(der: bytes) -> ClientCertificate:
    """Return what is kept of a certificate, fit or not; raise ``UnreadableCertificate``."""
    with opened(der) as certificate:
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
    except (ValueError, TypeError):  # a TypeError: a kind of string that its attribute forbids
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
