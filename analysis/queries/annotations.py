"""Annotations: search, those of a series and range, and deletion with their identity."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from analysis.models import Annotation
from identities.models import Identity
from identities.search import search_text
from identities.visibility import Scope
from ingest.escaping import escape_formula
from ingest.time_range import TimeRange

COLUMNS = ("id", "identity", "name", "from", "to", "text", "created_at", "created_by")


@dataclass(frozen=True)
class AnnotationSearch:
    """Which annotations to list; None, "" and an open range select all.

    Those of the identity as a whole are annotations of each of its series.
    """

    identity: str | None = None
    name: str | None = None
    text: str = ""
    range: TimeRange = TimeRange(None, None)  # noqa: RUF009 - frozen


def find_annotations(
    scope: Scope, search: AnnotationSearch, after: int | None, limit: int
) -> list[Annotation]:
    """Return at most ``limit`` annotations after the one numbered ``after``, in that order."""
    rows = scope.filter(Annotation.objects.select_related("identity").order_by("pk"))
    if search.identity is not None:
        identities = Identity.objects.alias(key=Lower("name"))
        found = identities.filter(key=search.identity.replace("\0", "").lower())
        rows = rows.filter(identity__in=list(found.values_list("pk", flat=True)))
    if search.name is not None:
        rows = rows.filter(name__in=["", search.name.replace("\0", "")])
    if search.text:
        rows = rows.filter(search_text(Annotation, "text", search.text.replace("\0", "")))
    if after is not None:
        rows = rows.filter(pk__gt=after)
    return list(within(rows, search.range)[:limit])


def within(rows: QuerySet[Annotation], wanted: TimeRange) -> QuerySet[Annotation]:
    """Return those of ``rows`` that overlap the range."""
    start, end = wanted.moments
    if end is not None:
        rows = rows.filter(starts_at__lt=end)
    if start is not None:
        rows = rows.filter(Q(ends_at__gte=start) | Q(ends_at=None, starts_at__gte=start))
    return rows


def describe(annotation: Annotation) -> dict[str, Any]:
    """Return the annotation as the analysis API and the CSV have it; ``to`` may be None."""
    ends = annotation.ends_at
    return {
        "id": annotation.pk,
        "identity": annotation.identity.name,
        "name": annotation.name,
        "from": _format(annotation.starts_at),
        "to": None if ends is None else _format(ends),
        "from_ms": _milliseconds(annotation.starts_at),
        "to_ms": None if ends is None else _milliseconds(ends),
        "text": annotation.text,
        "created_at": _format(annotation.created_at),
        "created_by": annotation.created_by,
    }


def make_csv_rows(annotations: Iterable[Annotation]) -> Iterator[list[str]]:
    """Yield the header and a row for each annotation; no cell is read as a formula."""
    yield list(COLUMNS)
    for annotation in annotations:
        described = describe(annotation)
        yield [_to_cell(described[name]) for name in COLUMNS]


def annotations_of(identity: Identity, wanted: TimeRange) -> QuerySet[Annotation]:
    """Return the annotations of ``identity`` and of its series that overlap the range."""
    rows = Annotation.objects.filter(identity=identity).select_related("identity")
    return within(rows.order_by("pk"), wanted)


def delete_of_identity(*, identity_id: int, **kwargs: object) -> None:
    """Delete the annotations of an identity, and their texts in the admin's history.

    Receiver of ``ingest.signals.identity_erased``.
    """
    rows = Annotation.objects.filter(identity_id=identity_id)
    keys = [str(pk) for pk in rows.values_list("pk", flat=True)]
    LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Annotation), object_id__in=keys
    ).update(object_repr="(erased)", change_message="")
    rows.delete()


def _format(moment: datetime) -> str:
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return str(text).replace("+00:00", "Z")


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _to_cell(value: object) -> str:
    return "" if value is None else escape_formula(str(value))
