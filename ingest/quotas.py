"""The quota of live certificates of an identity, where there is one.

Live is what may be used, or may be again by a decision of staff: neither revoked nor expired nor
replaced by a newer certificate (which ends by itself after the overlap).
"""

from __future__ import annotations

from django.conf import settings
from django.utils import timezone

from identities.models import PreSharedKey
from ingest import certificate_renewal
from ingest.models import DeviceCertificate
from ingest.storage import advisory_locks


def may_have_another(key: PreSharedKey) -> bool:
    """Tell whether the identity of ``key`` may have one more certificate (or another for one).

    To be asked in the transaction that binds it: until its end no other certificate is bound to
    this identity, so that devices which register at once do not pass the quota together. Asks
    the database nothing where there is no quota.
    """
    quota = settings.MAX_CERTIFICATES_PER_IDENTITY
    if not quota:
        return True
    advisory_locks.acquire("certificates of an identity", str(key.identity_id).encode())
    live = DeviceCertificate.objects.filter(
        identity_id=key.identity_id, retires_at=None, not_after__gt=timezone.now()
    ).exclude(state=DeviceCertificate.State.REVOKED)
    replaced = certificate_renewal.superseded_by(key)
    if replaced is not None:
        live = live.exclude(pk=replaced.pk)
    return live.count() < quota
