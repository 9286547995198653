"""Give a certificate to another identity: by staff alone, and kept for good who did it and why.

What was sent before stays where it is. The next request finds the new identity: ``whoami`` and
``roll`` look the certificate up, and an upload that remembers the old one is told so by
``ingest_store_file``, which looks again under its lock.
"""

from __future__ import annotations

from django.db import transaction

from alerts.models import Incident
from identities.models import Identity, PreSharedKey
from ingest.models import CertificateReassignment, DeviceCertificate
from ingest.storage import advisory_locks


class NotMovable(Exception):
    """The certificate stays where it is; the text says why."""


def reassign(
    certificate: DeviceCertificate, to: Identity, *, by: str, reason: str
) -> CertificateReassignment:
    """Bind ``certificate`` to ``to`` from now on and return the row that says so.

    A key that it asked for to roll is revoked: it would lead back. Raises ``NotMovable``.
    """
    with transaction.atomic():
        # Neither a registration of it nor its wish to roll is decided meanwhile.
        advisory_locks.acquire("certificate", bytes(certificate.sha256))
        advisory_locks.acquire("renewal", str(certificate.pk).encode())
        to = Identity.objects.select_for_update().get(pk=to.pk)
        row = DeviceCertificate.objects.select_for_update().get(pk=certificate.pk)
        if row.identity_id == to.pk:
            raise NotMovable(f"It belongs to {to.name} already.")
        if not to.is_active:
            raise NotMovable(f"{to.name} is inactive: its devices are refused.")
        PreSharedKey.objects.filter(renewal__certificate=row, uses=0).revoke()
        moved = CertificateReassignment.objects.create(
            certificate=row,
            moved_from_id=row.identity_id,
            moved_to=to,
            created_by=by,
            reason=reason,
        )
        row.identity = to
        row.save(update_fields=["identity"])
        Incident.objects.filter(certificate=row, ended_at=None).update(identity=to)
    return moved
