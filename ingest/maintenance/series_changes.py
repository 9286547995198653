"""Record which ranges of a series maintenance changed, for the changes feed.

Called in the transaction that changes the samples. Uploads record nothing here: the feed reads
them from the files. ``analysis.queries.changes`` reads both.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from identities.studies import Study, StudyIdentity
from ingest.models import SeriesChange
from ingest.time_range import EARLIEST_MS, LATEST_MS

Kind = SeriesChange.Kind
_PARENT_BEFORE = "_parent_before"


def record(
    kind: Kind,
    identity_id: int,
    name: str,
    first_ms: int,
    last_ms: int,
    *,
    measurement_id: UUID | None = None,
) -> None:
    """Record a change of the samples from ``first_ms`` to ``last_ms``, both included.

    An erasure keeps the studies of the identity, whose readers must delete it too.
    """
    taking_part = StudyIdentity.objects.filter(identity_id=identity_id)
    studies = taking_part.values_list("study_id", flat=True) if kind == Kind.ERASED else ()
    SeriesChange.objects.create(
        kind=kind,
        identity_number=identity_id,
        name=name,
        from_ms=first_ms,
        to_ms=last_ms + 1,
        measurement_id=measurement_id,
        studies=sorted(studies),
    )


def record_participation(kind: Kind, identity_id: int, study_id: int) -> None:
    """Record that an identity entered or left a study, with the whole range of each series.

    Who reads the row adds the series of then, since an upload may be storing another one now. One
    that left is recorded with those of now too, which may be erased before the row is read.
    """
    # Every command imports this module; replay imports numpy.
    from ingest.maintenance.replay import series_names  # noqa: PLC0415

    names = series_names(identity_id) if kind == Kind.LEFT else []
    SeriesChange.objects.bulk_create(
        SeriesChange(
            kind=kind,
            identity_number=identity_id,
            name=name,
            from_ms=EARLIEST_MS,
            to_ms=LATEST_MS,
            studies=[study_id],
        )
        for name in ["", *names]
    )


def forget(identity_id: int) -> None:
    """Replace the rows of an identity by such that say that each series is erased.

    A reader that has not come to a withdrawal may hold a series of which nothing is stored.
    """
    rows = SeriesChange.objects.filter(identity_number=identity_id).exclude(
        kind__in=(Kind.ERASED, Kind.LEFT)
    )
    names = set(rows.values_list("name", flat=True)) - {""}
    rows.delete()
    for name in sorted(names):
        record(Kind.ERASED, identity_id, name, EARLIEST_MS, LATEST_MS - 1)


# --- Receivers of signals ------------------------------------------------------------------
def note_participation(instance: StudyIdentity, *, created: bool, **_: Any) -> None:
    """Record a new participation; connected to ``post_save``."""
    if created:
        record_participation(Kind.ENTERED, instance.identity_id, instance.study_id)


def note_end_of_participation(instance: StudyIdentity, **_: Any) -> None:
    """Record the end of a participation; connected to ``post_delete``."""
    record_participation(Kind.LEFT, instance.identity_id, instance.study_id)


def remember_parent(instance: Study, **_: Any) -> None:
    """Keep the parent before the change for ``note_other_parent``; connected to ``pre_save``."""
    before = Study.objects.filter(pk=instance.pk).values_list("parent_id", flat=True).first()
    setattr(instance, _PARENT_BEFORE, before)


def note_other_parent(instance: Study, *, created: bool, **_: Any) -> None:
    """Record that a site's identities leave one parent for another; connected to ``post_save``."""
    before = getattr(instance, _PARENT_BEFORE, None)
    if created or before == instance.parent_id:
        return
    for identity_id in instance.identities.values_list("pk", flat=True):
        for kind, parent in ((Kind.LEFT, before), (Kind.ENTERED, instance.parent_id)):
            if parent is not None:
                record_participation(kind, identity_id, parent)
