"""Reassign a certificate to another identity, by staff only, with a permanent record.

Files sent before stay with the old identity. The next request finds the new one: a GET and a
renewal look the certificate up, and ``ingest_store_file`` checks a cached binding under its lock.
"""

from __future__ import annotations

from django.db import transaction

from identities.models import Identity, lock_identities
from ingest.models import CertificateReassignment, DeviceCertificate
from ingest.models.certificates import open_renewal_keys
from ingest.signals import certificate_reassigned
from ingest.storage import advisory_locks


class NotReassignable(Exception):
    """The certificate keeps its identity; the text says why."""


def reassign(
    certificate: DeviceCertificate, to: Identity, *, by: str, reason: str
) -> CertificateReassignment:
    """Bind ``certificate`` to ``to`` from now on and return the record.

    Revokes an open renewal key of the certificate: it belongs to the old identity. Raises
    ``NotReassignable``.
    """
    with transaction.atomic():
        # No registration or renewal of the certificate is decided meanwhile.
        advisory_locks.acquire("certificate", bytes(certificate.sha256))
        advisory_locks.acquire("renewal", str(certificate.pk).encode())
        row = DeviceCertificate.objects.filter(pk=certificate.pk).first()
        # Identities before certificates, in the order of erasure.
        if row is None or lock_identities([row.identity_id, to.pk]) != {row.identity_id, to.pk}:
            raise NotReassignable("One of the identities has been erased.")
        to.refresh_from_db()
        if row.identity_id == to.pk:
            raise NotReassignable(f"It belongs to {to.name} already.")
        if not to.is_active:
            raise NotReassignable(f"{to.name} is inactive: its devices are refused.")
        open_renewal_keys([row.pk]).revoke()
        record = CertificateReassignment.objects.create(
            certificate=row,
            from_identity_id=row.identity_id,
            to_identity=to,
            created_by=by,
            reason=reason,
        )
        row.identity = to
        row.save(update_fields=["identity"])
        certificate_reassigned.send(sender=DeviceCertificate, certificate=row)
    return record
