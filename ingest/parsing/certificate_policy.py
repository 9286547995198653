"""The policy for client certificates: nginx's verdict, dates, key, usages, extensions. Pure.

With ``optional_no_ca`` nginx keeps only the *last* error that OpenSSL found, and a tolerated error
can hide a fatal one. So registration checks keys, usages and extensions again here.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, PublicKeyAlgorithmOID

from ingest.parsing.certificates import open_certificate

RSA_BITS: Final = range(2048, 8192 + 1)  # more would only cost nginx time in each handshake

# The AlgorithmIdentifier of each accepted named curve. OpenSSL and `cryptography` also accept the
# same curve in explicit parameters, which the policy refuses.
_CURVES: Final = {
    "secp256r1": bytes.fromhex("301306072a8648ce3d020106082a8648ce3d030107"),
    "secp384r1": bytes.fromhex("301006072a8648ce3d020106052b81040022"),
    "secp521r1": bytes.fromhex("301006072a8648ce3d020106052b81040023"),
}
_KNOWN_EXTENSIONS: Final = frozenset(
    {
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.INHIBIT_ANY_POLICY,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.NAME_CONSTRAINTS,
        ExtensionOID.POLICY_CONSTRAINTS,
        ExtensionOID.POLICY_MAPPINGS,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
    }
)

_UNREADABLE_EXTENSION: Final = (
    ValueError,
    TypeError,  # a string type that the attribute of a name forbids
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)

# They may speak of any certificate that the device sent along.
_DATES: Final = frozenset({"certificate has expired", "certificate is not yet valid"})
# Error texts of OpenSSL 1.1.1 and 3 in lower case. The five results that nginx itself accepts with
# ``optional_no_ca`` all mean "the issuer is unknown".
_UNKNOWN_ISSUER: Final = frozenset(
    {
        "self-signed certificate",
        "self signed certificate",
        "self-signed certificate in certificate chain",
        "self signed certificate in certificate chain",
        "unable to get local issuer certificate",
        "certificate not trusted",
        "unable to verify the first certificate",
    }
)

Reason = Literal["key", "curve", "usage", "extension", "chain"]
Code = Literal[
    "certificate_missing",
    "certificate_expired",
    "certificate_not_yet_valid",
    "certificate_unacceptable",
]


class UnacceptableCertificate(ValueError):
    """A certificate that violates the policy; ``reason`` is key, curve, usage or extension."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


class Verdict(NamedTuple):
    """A refused certificate: the problem's code and, if unacceptable, the reason.

    The reason ``chain`` concerns the issuer or the other certificates that the device sent; all
    other reasons concern the certificate itself.
    """

    code: Code
    reason: Reason | None = None


_REFUSED: Final = {
    "certificate has expired": Verdict("certificate_expired"),
    "certificate is not yet valid": Verdict("certificate_not_yet_valid"),
    "ee certificate key too weak": Verdict("certificate_unacceptable", "key"),
    "ee key too small": Verdict("certificate_unacceptable", "key"),
    "certificate public key has explicit ecc parameters": Verdict(
        "certificate_unacceptable", "curve"
    ),
    "unsupported certificate purpose": Verdict("certificate_unacceptable", "usage"),
    "unsuitable certificate purpose": Verdict("certificate_unacceptable", "usage"),
    "key usage does not include digital signature": Verdict("certificate_unacceptable", "usage"),
    "unhandled critical extension": Verdict("certificate_unacceptable", "extension"),
    "invalid or inconsistent certificate extension": Verdict(
        "certificate_unacceptable", "extension"
    ),
}


def read_verdict(verify: str, *, require_issuer: bool = False) -> Verdict | None:
    """Return the verdict of nginx's ``$ssl_client_verify``, None if it accepts the certificate.

    ``verify`` is ``NONE`` (or empty), ``SUCCESS`` or ``FAILED:`` and OpenSSL's text. With
    ``require_issuer`` (a CA issues the devices' certificates) only ``SUCCESS`` is accepted: a
    verdict about dates can hide an untrusted issuer. Without it verdicts about dates are ignored,
    since they may concern an issuer: the caller checks the certificate's own dates by
    ``check_validity``. An unknown text is a refusal.
    """
    if verify == "SUCCESS":
        return None
    if verify in ("", "NONE"):
        return Verdict("certificate_missing")
    text = verify.removeprefix("FAILED:").lower()
    if verify.startswith("FAILED:") and not require_issuer and text in _UNKNOWN_ISSUER | _DATES:
        return None
    return _REFUSED.get(text, Verdict("certificate_unacceptable", "chain"))


def check_validity(
    not_before: datetime, not_after: datetime, now: datetime, grace: timedelta = timedelta()
) -> Verdict | None:
    """Return the verdict on a certificate with these dates at ``now``, None if it is valid.

    It is valid from ``grace`` before ``not_before``.
    """
    if now > not_after:
        return Verdict("certificate_expired")
    if now + grace < not_before:
        return Verdict("certificate_not_yet_valid")
    return None


def check_policy(der: bytes) -> None:
    """Raise ``UnacceptableCertificate`` unless key, extensions and usages are accepted.

    The signature is not verified: on a self-signed certificate it proves nothing (TLS has proved
    the private key, and the fingerprint covers every byte). ``check_validity`` checks the dates.
    """
    with open_certificate(der) as certificate:
        _check_key(certificate)
        _check_extensions(certificate)


def _check_key(certificate: x509.Certificate) -> None:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        is_ec = certificate.public_key_algorithm_oid == PublicKeyAlgorithmOID.EC_PUBLIC_KEY
        raise UnacceptableCertificate("curve" if is_ec else "key") from error
    if isinstance(key, ec.EllipticCurvePublicKey):
        named = _CURVES.get(key.curve.name)
        if named is None or named not in certificate.tbs_certificate_bytes:
            raise UnacceptableCertificate("curve")
    elif isinstance(key, rsa.RSAPublicKey):
        if key.key_size not in RSA_BITS:
            raise UnacceptableCertificate("key")
    elif not isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        raise UnacceptableCertificate("key")


def _check_extensions(certificate: x509.Certificate) -> None:
    try:
        extensions = list(certificate.extensions)
    except _UNREADABLE_EXTENSION as error:
        raise UnacceptableCertificate("extension") from error
    for extension in extensions:
        if extension.critical and extension.oid not in _KNOWN_EXTENSIONS:
            raise UnacceptableCertificate("extension")
        if not _allows_client_auth(extension.value):
            raise UnacceptableCertificate("usage")


def _allows_client_auth(value: x509.ExtensionType) -> bool:
    if isinstance(value, x509.KeyUsage):
        return value.digital_signature
    if isinstance(value, x509.ExtendedKeyUsage):
        return ExtendedKeyUsageOID.CLIENT_AUTH in value
    return True
