"""Renewal: a device gets a pre-shared key with its old certificate and registers a new one.

The new certificate registers like any other, so that TLS has proved its private key; the old one
is refused after an overlap. There is no other way to bind. ``docs/explanation/trust.md`` has the
table of the states of certificates and keys.

Whether a certificate may renew is decided under the lock on its row, which a change of its state
takes too: a key never outlives the trust in the certificate that asked for it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from identities.credentials import issue_psk
from identities.models import Identity, PreSharedKey, lock_identity
from ingest.models import CertificateRenewal, DeviceCertificate
from ingest.models.certificates import open_renewal_keys
from ingest.storage import advisory_locks, prepared_statements
from ingest.storage.prepared_statements import Statement

KEY_TTL = timedelta(hours=1)
_FIND_RENEWAL = Statement(
    "find_renewal",
    "SELECT certificate_id FROM ingest_certificaterenewal WHERE key_id = $1",
    ["int8"],
)
REPLACED_UNSEEN = "replaced before its first request"


class CertificateNotLive(Exception):
    """The certificate lost its permission since it was looked up."""


class CertificateSuperseded(Exception):
    """The certificate's successor is in use: the successor renews."""


def issue_renewal_key(certificate_id: int) -> tuple[str, datetime]:
    """Return a new key for the certificate's identity and when it expires.

    The key has one use and one hour. An earlier unused key of this certificate is revoked, so a
    certificate has one open key at most. Raises ``CertificateNotLive``, ``CertificateSuperseded``
    and ``Identity.DoesNotExist``.
    """
    with transaction.atomic(durable=True):
        advisory_locks.acquire("renewal", str(certificate_id).encode())
        # Read under the lock: staff may have reassigned the certificate.
        identity = _lock_identity_of(certificate_id)
        if not lock_live(certificate_id):
            raise CertificateNotLive
        if has_seen_successor(certificate_id):
            raise CertificateSuperseded
        open_renewal_keys([certificate_id]).revoke()
        key, secret = issue_psk(
            identity,
            expires_at=timezone.now() + KEY_TTL,
            note=f"renewal of certificate {certificate_id}",
        )
        CertificateRenewal.objects.create(key=key, certificate_id=certificate_id)
    return secret, key.expires_at


def _lock_identity_of(certificate_id: int) -> Identity:
    identity = Identity.objects.get(certificates=certificate_id)
    lock_identity(identity.pk)
    return identity


def lock_live(certificate_id: int) -> DeviceCertificate | None:
    """Return the certificate, locked until the transaction ends; None unless it is live."""
    live = DeviceCertificate.objects.live(timezone.now()).filter(pk=certificate_id)
    return live.select_for_update(no_key=True).first()


def has_seen_successor(certificate_id: int) -> bool:
    """Return whether a successor has made a request; lock the successors.

    So none makes its first request before the transaction ends.
    """
    successors = DeviceCertificate.objects.filter(replaces_id=certificate_id)
    seen = successors.select_for_update(no_key=True).order_by("pk")
    return any(at is not None for at in list(seen.values_list("first_seen_at", flat=True)))


def find_renewed(key: PreSharedKey) -> DeviceCertificate | None:
    """Return the certificate that asked for ``key``, None if staff made the key."""
    row = prepared_statements.execute(_FIND_RENEWAL, [prepared_statements.int8(key.pk)])
    if row is None:
        return None
    certificate_id = prepared_statements.to_int(row[0]) or 0
    return DeviceCertificate.objects.filter(pk=certificate_id).first()


def lock_renewable(certificate_id: int) -> bool:
    """Return whether the certificate may be renewed by the key that it asked for.

    It is live, and no successor has made a request. Both hold until the transaction ends.
    """
    return lock_live(certificate_id) is not None and not has_seen_successor(certificate_id)


def supersede(certificate: DeviceCertificate) -> None:
    """Refuse ``certificate`` after the overlap, unless its end is set already.

    The caller holds the lock of ``lock_renewable`` and binds the successor next. Successors that
    have made no request are revoked: their device has lost them.
    """
    retires_at = timezone.now() + timedelta(days=settings.CERTIFICATE_OVERLAP_DAYS)
    DeviceCertificate.objects.filter(pk=certificate.pk, retires_at=None).update(
        retires_at=retires_at
    )
    unseen = DeviceCertificate.objects.filter(replaces=certificate)
    unseen.exclude(state=DeviceCertificate.State.REVOKED).update(
        state=DeviceCertificate.State.REVOKED, state_reason=REPLACED_UNSEEN
    )
