"""Who is calling: from nginx's headers to a certificate, from a certificate to an identity.

The device is never a Django user: what it is stands in ``request.auth``.
"""

from __future__ import annotations

import hmac
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from ingest import certificate_lookup
from ingest.certificate_lookup import Binding
from ingest.errors import (
    CertificateExpired,
    CertificateMissing,
    CertificateNotBound,
    CertificateNotYetValid,
    CertificateRefusal,
    CertificateRevoked,
    CertificateSuspended,
    CertificateUnacceptable,
    IdentityInactive,
)
from ingest.models import DeviceCertificate
from ingest.parsing.certificate_policy import (
    UnacceptableCertificate,
    Verdict,
    check_policy,
    validity,
    verdict,
)
from ingest.parsing.certificates import (
    ClientCertificate,
    UnreadableCertificate,
    decode,
    fingerprint,
    parse,
)

logger = logging.getLogger(__name__)

_BY_CODE: dict[str, type[CertificateRefusal]] = {
    refusal.code: refusal
    for refusal in (CertificateMissing, CertificateExpired, CertificateNotYetValid)
}
_BY_STATE: dict[str, type[CertificateRefusal]] = {
    DeviceCertificate.State.SUSPENDED: CertificateSuspended,
    DeviceCertificate.State.REVOKED: CertificateRevoked,
}


@dataclass(frozen=True, slots=True)
class Presented:
    """The certificate whose key the device has proved, as nginx handed it on.

    ``refused`` is nginx's verdict on it where that was not good.
    """

    der: bytes
    sha256: bytes
    refused: Verdict | None


class CertificateAuthentication(BaseAuthentication):
    """Puts the ``Presented`` certificate on ``request.auth``."""

    def authenticate(self, request: Request) -> tuple[None, Presented]:
        """Return no user and the certificate; raise a ``CertificateRefusal``."""
        return None, read_presented_certificate(request._request)


def read_presented_certificate(request: HttpRequest) -> Presented:
    """Return the certificate in nginx's headers; raise a ``CertificateRefusal``."""
    given = request.META.get("HTTP_X_PROXY_SECRET", "")
    if not hmac.compare_digest(given.encode(), settings.PROXY_SECRET.encode()):
        logger.error("a request did not come through nginx: its proxy secret is wrong")
        raise CertificateMissing
    return _presented(
        request.META.get("HTTP_X_CLIENT_VERIFY", ""), request.META.get("HTTP_X_CLIENT_CERT", "")
    )


@lru_cache(maxsize=4096)
def _presented(verify: str, escaped_pem: str) -> Presented:
    # A device sends the same header each time, and what it says depends on nothing else.
    refused = verdict(verify, require_issuer=settings.DEVICE_CA != "")
    if refused is not None and refused.code == "certificate_missing":
        raise CertificateMissing
    try:
        der = decode(escaped_pem)
    except UnreadableCertificate as error:
        raise CertificateUnacceptable(reason=error.reason) from error
    return Presented(der, fingerprint(der), refused)


def certificate_to_register(caller: Presented) -> ClientCertificate:
    """Return the certificate, fit to be bound; raise a ``CertificateRefusal`` (status 400)."""
    try:
        if caller.refused is not None:
            raise _refusal(caller.refused)
        return _fit(caller.der)
    except CertificateRefusal as refusal:
        raise refusal.at_registration() from refusal


def _fit(der: bytes) -> ClientCertificate:
    try:
        check_policy(der)
        certificate = parse(der)
    except (UnreadableCertificate, UnacceptableCertificate) as error:
        raise CertificateUnacceptable(reason=error.reason) from error
    refused = validity(certificate.not_before, certificate.not_after, datetime.now(UTC))
    if refused is not None:
        raise _refusal(refused)
    return certificate


def resolve_binding(caller: Presented) -> Binding:
    """Return whose certificate this is; raise a ``CertificateRefusal`` if it may not be used."""
    binding = certificate_lookup.fetch(caller.sha256)
    if binding is None:
        raise _not_bound(caller)
    _check(binding, caller)
    return binding


def resolve_cached(caller: Presented) -> Binding | None:
    """Return whose certificate this was when this process last looked, None if it must look.

    Spares the upload path a statement: ``ingest_store_file`` looks again.
    """
    binding = certificate_lookup.cached(caller.sha256)
    if binding is not None:
        _check(binding, caller)
    return binding


def _check(binding: Binding, caller: Presented) -> None:
    if binding.state in _BY_STATE:
        raise _BY_STATE[binding.state]()
    if not binding.identity_is_active:
        raise IdentityInactive
    now = datetime.now(UTC)
    if binding.retires_at is not None and binding.retires_at <= now:
        raise CertificateRevoked("The device has rolled to a newer certificate: use that one.")
    dates = validity(binding.not_before, binding.not_after, now)
    for refused in (caller.refused, dates):
        if refused is not None and not _is_tolerated(refused):
            raise _refusal(refused)


def _not_bound(caller: Presented) -> CertificateRefusal:
    """Return why an unknown certificate is refused: what is wrong with it, else that it is new."""
    if caller.refused is not None:
        return _refusal(caller.refused)
    try:
        _fit(caller.der)
    except CertificateRefusal as refusal:
        return refusal
    return CertificateNotBound(certificate={"sha256": caller.sha256.hex()})


def _is_tolerated(refused: Verdict) -> bool:
    return refused.code == "certificate_expired" and settings.ACCEPT_EXPIRED_CERTIFICATES


def _refusal(refused: Verdict) -> CertificateRefusal:
    if refused.code in _BY_CODE:
        return _BY_CODE[refused.code]()
    return CertificateUnacceptable(reason=refused.reason)
