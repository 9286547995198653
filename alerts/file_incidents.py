"""Incidents of files: stored ones that are damaged, and uploads in which a worker died."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from alerts.models import Incident
from identities.models import lock_identities
from ingest import interrupted_uploads
from ingest.models import DeviceCertificate, InterruptedUpload, Measurement

# Files of open incidents that a run reads again.
MAX_FILES_PER_RUN = 20

_Kind, _Outcome = Incident.Kind, Incident.Outcome


def open_damaged(*, identity_id: int, measurement_id: UUID, name: str, **kwargs: object) -> None:
    """Open the incident of a damaged file. Receiver of ``ingest.signals.file_damaged``."""
    now = timezone.now()
    incident = Incident(
        kind=_Kind.DAMAGED,
        identity_id=identity_id,
        name=name,
        measurement_id=measurement_id,
        detected_at=now,
        started_at=now,
    )
    _open([incident])


def update_damaged(now: datetime) -> None:
    """Resolve the incidents of files that are intact again or deleted.

    Each run checks ``MAX_FILES_PER_RUN`` files, chosen at random.
    """
    # Every command imports this module; reading files imports pyarrow.
    from ingest.storage.stored_files import find_fault  # noqa: PLC0415

    open_rows = Incident.objects.filter(kind=_Kind.DAMAGED, ended_at=None)
    for incident in open_rows.order_by("?")[:MAX_FILES_PER_RUN]:
        file = Measurement.objects.filter(
            identity_id=incident.identity_id, pk__in=[incident.measurement_id]
        ).first()
        if file is None:
            outcome = _Outcome.UNMONITORED
        elif not find_fault(file):
            outcome = _Outcome.RECOVERED
        else:
            continue
        Incident.objects.filter(pk=incident.pk).update(ended_at=now, outcome=outcome)


def update_crashed(now: datetime) -> None:
    """Open an incident for each certificate whose uploads killed a worker; resolve the others."""
    interrupted_uploads.record_deaths()
    # Keys are read into lists instead of joined: the tables may be on different nodes.
    fingerprints = list(InterruptedUpload.objects.values_list("sha256", flat=True))
    certificates = DeviceCertificate.objects.filter(sha256__in=fingerprints)
    killing = {each.pk: each for each in certificates.only("pk", "identity_id")}
    open_rows = Incident.objects.filter(kind=_Kind.CRASHED, ended_at=None)
    open_rows.exclude(certificate_id__in=list(killing)).update(
        ended_at=now, outcome=_Outcome.RECOVERED
    )
    known = set(open_rows.values_list("certificate_id", flat=True))
    _open(
        [
            Incident(
                kind=_Kind.CRASHED,
                identity_id=certificate.identity_id,
                certificate=certificate,
                detected_at=now,
                started_at=now,
            )
            for certificate in killing.values()
            if certificate.pk not in known
        ]
    )


def _open(incidents: list[Incident]) -> None:
    """Store new incidents, except those that are open and those of erased identities."""
    with transaction.atomic():
        existing = lock_identities({row.identity_id for row in incidents})
        rows = [row for row in incidents if row.identity_id in existing]
        Incident.objects.bulk_create(rows, ignore_conflicts=True)
