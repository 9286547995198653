"""Renewal: a device gets a pre-shared key with its old certificate and registers a new one.

The new certificate registers like any other, so that TLS has proved its private key; the old one
is refused after an overlap. There is no other way to bind.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from identities.credentials import issue_psk
from identities.models import Identity, PreSharedKey, lock_identity
from ingest.models import CertificateRenewal, DeviceCertificate
from ingest.storage import advisory_locks

KEY_TTL = timedelta(hours=1)


def issue_renewal_key(certificate_id: int) -> tuple[str, datetime]:
    """Return a new key for the certificate's identity and when it expires.

    The key has one use and one hour. An earlier unused key of this certificate is revoked, so a
    certificate has one open key at most.
    """
    with transaction.atomic(durable=True):
        advisory_locks.acquire("renewal", str(certificate_id).encode())
        open_keys = PreSharedKey.objects.filter(
            renewal__certificate_id=certificate_id, uses=0, revoked_at=None
        )
        open_keys.update(revoked_at=timezone.now())
        key, secret = issue_psk(
            # Read under the lock: staff may have reassigned the certificate.
            _lock_identity_of(certificate_id),
            expires_at=timezone.now() + KEY_TTL,
            note=f"renewal of certificate {certificate_id}",
        )
        CertificateRenewal.objects.create(key=key, certificate_id=certificate_id)
    return secret, key.expires_at


def _lock_identity_of(certificate_id: int) -> Identity:
    identity = Identity.objects.get(certificates=certificate_id)
    lock_identity(identity.pk)
    return identity


def superseded_by(key: PreSharedKey) -> DeviceCertificate | None:
    """Return the certificate that ``key`` renews, None if staff made the key."""
    renewal = CertificateRenewal.objects.select_related("certificate").filter(key=key).first()
    return renewal.certificate if renewal else None


def schedule_retirement(certificate: DeviceCertificate) -> None:
    """Refuse ``certificate`` after the overlap, unless its end is set already."""
    retires_at = timezone.now() + timedelta(days=settings.CERTIFICATE_OVERLAP_DAYS)
    DeviceCertificate.objects.filter(pk=certificate.pk, retires_at=None).update(
        retires_at=retires_at
    )
