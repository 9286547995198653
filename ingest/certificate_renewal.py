"""A device changes its certificate by itself: it asks for a key with the old one.

With that key the new certificate registers as any other does, so that TLS has proved its key;
the old one is then refused after an overlap. There is no other way to bind.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from identities.credentials import issue_psk
from identities.models import Identity, PreSharedKey
from ingest.models import CertificateRenewal, DeviceCertificate
from ingest.storage import advisory_locks

KEY_TTL = timedelta(hours=1)


def issue_renewal_key(certificate_id: int) -> tuple[str, datetime]:
    """Return a new key for the certificate's identity and when it expires.

    One use, one hour. A key that was asked for before and not used is revoked: however often a
    device asks, one key is open.
    """
    with transaction.atomic(durable=True):
        advisory_locks.acquire("renewal", str(certificate_id).encode())
        open_keys = PreSharedKey.objects.filter(
            renewal__certificate_id=certificate_id, uses=0, revoked_at=None
        )
        open_keys.update(revoked_at=timezone.now())
        key, secret = issue_psk(
            # Read under the lock: staff may have given the certificate to another.
            Identity.objects.get(certificates=certificate_id),
            expires_at=timezone.now() + KEY_TTL,
            note=f"asked for by certificate {certificate_id} to roll",
        )
        CertificateRenewal.objects.create(key=key, certificate_id=certificate_id)
    return secret, key.expires_at


def superseded_by(key: PreSharedKey) -> DeviceCertificate | None:
    """Return the certificate that asked for ``key`` to roll, None if staff made the key."""
    roll = CertificateRenewal.objects.select_related("certificate").filter(key=key).first()
    return roll.certificate if roll else None


def schedule_retirement(certificate: DeviceCertificate) -> None:
    """Refuse ``certificate`` after the overlap, unless that has been decided before."""
    ending = timezone.now() + timedelta(days=settings.CERTIFICATE_OVERLAP_DAYS)
    DeviceCertificate.objects.filter(pk=certificate.pk, retires_at=None).update(retires_at=ending)
