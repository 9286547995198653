"""From nginx's headers to a certificate, and from a certificate to its identity.

A device is never a Django user: ``request.auth`` holds its certificate.
"""

from __future__ import annotations

import hmac
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from django.conf import settings
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from ingest import certificate_lookup, probe_mark
from ingest.api import problem_json
from ingest.api.problem_json import CertificateRefused
from ingest.certificate_lookup import Binding
from ingest.models import DeviceCertificate
from ingest.models.certificates import clock_grace
from ingest.parsing.certificate_policy import (
    UnacceptableCertificate,
    Verdict,
    check_policy,
    check_validity,
    read_verdict,
)
from ingest.parsing.certificates import (
    MAX_DER_BYTES,
    ClientCertificate,
    UnreadableCertificate,
    decode,
    fingerprint,
    parse,
)

logger = logging.getLogger(__name__)

# Together at most 12 MB: a header of this length, its certificate and what holds them, so often.
_MAX_CACHED_HEADER = 4096
_MAX_CACHED_HEADERS = 1500

_OF_DATES = {
    problem.code: problem
    for problem in (problem_json.CERTIFICATE_EXPIRED, problem_json.CERTIFICATE_NOT_YET_VALID)
}
# Details of CERTIFICATE_UNACCEPTABLE by reason: the cause and the remedy.
_UNACCEPTABLE_DETAILS: Final[dict[str, str]] = {
    "key": "Its key is too weak, too long or of another kind: make one of EC P-256, P-384 or "
    "P-521, RSA 2048 to 8192 bits, Ed25519 or Ed448.",
    "curve": "Its curve is not accepted: make a key on P-256, P-384 or P-521 as a named curve.",
    "usage": "Its usages do not include what a client does: key usage, where present, needs "
    "digitalSignature, extended key usage, where present, needs clientAuth.",
    "extension": "It has an extension that is critical and unknown here, or that is damaged: "
    "make one without it.",
    "chain": "Its chain was not verified: the issuer is not trusted here, or a certificate that "
    "the device sends along is damaged. Send the device's own certificate alone, or the right "
    "chain.",
    "size": f"It is larger than {MAX_DER_BYTES} bytes of DER: make one with fewer extensions.",
    "pem": "It did not arrive as one PEM block: is a proxy between device and server?",
    "base64": "Its PEM is damaged: is a proxy between device and server?",
    "der": "It is not an X.509 certificate in DER, or one that cannot be read: make another.",
}
_BY_STATE = {
    DeviceCertificate.State.SUSPENDED.value: problem_json.CERTIFICATE_SUSPENDED,
    DeviceCertificate.State.REVOKED.value: problem_json.CERTIFICATE_REVOKED,
}


@dataclass(frozen=True, slots=True)
class PresentedCertificate:
    """The certificate whose private key the device has proved, as nginx passed it on.

    ``nginx_verdict`` is None if nginx accepted it.
    """

    der: bytes
    sha256: bytes
    nginx_verdict: Verdict | None


class CertificateAuthentication(BaseAuthentication):
    """Puts the ``PresentedCertificate`` on ``request.auth``; there is no user."""

    def authenticate(self, request: Request) -> tuple[None, PresentedCertificate]:
        return None, read_presented_certificate(request._request)


def read_presented_certificate(request: HttpRequest) -> PresentedCertificate:
    """Return the certificate in nginx's headers; raise ``CertificateRefused``."""
    secret = request.META.get("HTTP_X_PROXY_SECRET", "")
    if not hmac.compare_digest(secret.encode(), settings.PROXY_SECRET.encode()):
        if not probe_mark.is_own_probe(
            request.META.get(probe_mark.ENVIRON_KEY, ""), settings.PROXY_SECRET
        ):
            logger.error("a request did not come through nginx: its proxy secret is wrong")
        raise CertificateRefused(problem_json.CERTIFICATE_MISSING)
    return _parse_headers(
        request.META.get("HTTP_X_CLIENT_VERIFY", ""), request.META.get("HTTP_X_CLIENT_CERT", "")
    )


def _parse_headers(verify: str, escaped_pem: str) -> PresentedCertificate:
    # A device sends the same header each time, and the result depends on nothing else. Ordinary
    # certificates have less than half of this: larger ones are parsed each time, so that those of
    # strangers cannot fill the memory.
    if len(escaped_pem) > _MAX_CACHED_HEADER:
        return _parse_new_headers(verify, escaped_pem)
    return _parse_cached_headers(verify, escaped_pem)


def _parse_new_headers(verify: str, escaped_pem: str) -> PresentedCertificate:
    verdict = read_verdict(verify, require_issuer=settings.DEVICE_CA != "")
    if verdict is not None and verdict.code == "certificate_missing":
        raise CertificateRefused(problem_json.CERTIFICATE_MISSING)
    try:
        der = decode(escaped_pem)
    except UnreadableCertificate as error:
        raise _unacceptable(error.reason) from error
    return PresentedCertificate(der, fingerprint(der), verdict)


_parse_cached_headers = lru_cache(maxsize=_MAX_CACHED_HEADERS)(_parse_new_headers)


def check_certificate_to_register(presented: PresentedCertificate) -> ClientCertificate:
    """Return the certificate if policy and dates accept it; raise ``CertificateRefused`` (400)."""
    try:
        if presented.nginx_verdict is not None:
            raise _refusal(presented.nginx_verdict)
        return _parse_acceptable(presented.der)
    except CertificateRefused as refusal:
        raise refusal.at_registration() from refusal


def _parse_acceptable(der: bytes) -> ClientCertificate:
    try:
        check_policy(der)
        certificate = parse(der)
    except (UnreadableCertificate, UnacceptableCertificate) as error:
        raise _unacceptable(error.reason) from error
    _check_dates(certificate.not_before, certificate.not_after)
    return certificate


def resolve_binding(presented: PresentedCertificate) -> Binding:
    """Return the certificate's identity; raise ``CertificateRefused`` if it may not be used."""
    binding = certificate_lookup.fetch(presented.sha256)
    if binding is None:
        raise _refusal_of_unknown(presented)
    _check_usable(binding, presented)
    if not binding.is_seen:
        certificate_lookup.mark_seen(binding)
    return binding


def resolve_cached(presented: PresentedCertificate) -> Binding | None:
    """Return the certificate's identity from this process's cache, None if it is not there.

    It saves the upload path a statement: ``ingest_store_file`` checks the certificate again.
    """
    binding = certificate_lookup.cached(presented.sha256)
    if binding is not None:
        _check_usable(binding, presented)
    return binding


def _check_usable(binding: Binding, presented: PresentedCertificate) -> None:
    if binding.state in _BY_STATE:
        raise CertificateRefused(_BY_STATE[binding.state])
    if not binding.identity_is_active:
        raise CertificateRefused(problem_json.IDENTITY_INACTIVE)
    now = datetime.now(UTC)
    if binding.retires_at is not None and binding.retires_at <= now:
        raise CertificateRefused(
            problem_json.CERTIFICATE_REVOKED,
            "The device has renewed its certificate: use the newer one.",
        )
    if presented.nginx_verdict is not None and not is_tolerated(presented.nginx_verdict.code):
        raise _refusal(presented.nginx_verdict)
    _check_dates(binding.not_before, binding.not_after, tolerate_expired=True)


def _check_dates(
    not_before: datetime, not_after: datetime, *, tolerate_expired: bool = False
) -> None:
    """Raise ``CertificateRefused`` unless the service's own clock is within the dates."""
    verdict = check_validity(not_before, not_after, datetime.now(UTC), clock_grace())
    if verdict is None or (tolerate_expired and is_tolerated(verdict.code)):
        return
    problem = _OF_DATES[verdict.code]
    if problem is problem_json.CERTIFICATE_EXPIRED:
        detail = (
            f"It ended at {_iso(not_after)}: make a new certificate and register it with a new "
            "pre-shared key. Is the device's clock right? Compare it with server_time_ms."
        )
    else:
        detail = (
            f"It starts at {_iso(not_before)}: wait until then, or, if the device's clock "
            "differs from server_time_ms, set the clock and make a new certificate."
        )
    raise CertificateRefused(problem, detail)


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _refusal_of_unknown(presented: PresentedCertificate) -> CertificateRefused:
    """Return what is wrong with an unknown certificate, or that it is not registered."""
    if presented.nginx_verdict is not None:
        return _refusal(presented.nginx_verdict)
    try:
        _parse_acceptable(presented.der)
    except CertificateRefused as refusal:
        return refusal
    return CertificateRefused(
        problem_json.CERTIFICATE_NOT_BOUND, certificate={"sha256": presented.sha256.hex()}
    )


def is_tolerated(code: str) -> bool:
    """Return whether a bound certificate works in spite of this fault."""
    return code == problem_json.CERTIFICATE_EXPIRED.code and settings.ACCEPT_EXPIRED_CERTIFICATES


def _refusal(verdict: Verdict) -> CertificateRefused:
    if verdict.code in _OF_DATES:
        return CertificateRefused(_OF_DATES[verdict.code])
    return _unacceptable(verdict.reason or "chain")


def _unacceptable(reason: str) -> CertificateRefused:
    return CertificateRefused(
        problem_json.CERTIFICATE_UNACCEPTABLE,
        _UNACCEPTABLE_DETAILS[reason],
        reason=reason,
    )
