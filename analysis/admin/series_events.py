"""What happened to a series in a range, for its chart: notes, incidents, withdrawals, devices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import chain, islice
from typing import Any

from django.db.models import Q
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import gettext as _

from alerts.models import Incident
from analysis.models import Annotation
from analysis.queries.annotations import within
from analysis.queries.series import Series
from ingest.models import (
    CertificateReassignment,
    DeviceCertificate,
    Measurement,
    Withdrawal,
)
from ingest.time_range import TimeRange, to_moment

MAX_OF_A_KIND = 50


@dataclass(frozen=True)
class Event:
    """``key`` is the same for an event of an identity on the chart of each of its series."""

    key: str
    kind: str
    from_ms: int
    to_ms: int | None
    text: str
    url: str


def list_events(
    series: Series, wanted: TimeRange, may: Callable[[str], bool]
) -> list[dict[str, Any]]:
    """Return the events of a range of ``series``, in order; ``may`` tells what the user may see.

    The user may see the series. Of each kind the latest ``MAX_OF_A_KIND`` are returned.
    """
    start, end = wanted.within(series.first_ms, series.last_ms)
    bounds = (to_moment(max(0, start)), to_moment(max(0, end)))
    kinds: list[Iterator[Event]] = []
    if may("analysis.view_annotation"):
        kinds.append(_list_annotations(series, TimeRange(start, end)))
    if may("alerts.view_incident"):
        kinds.append(_list_incidents(series, bounds))
    if may("ingest.view_measurement"):
        kinds.append(_list_withdrawals(series, (start, end)))
    if may("ingest.view_devicecertificate"):
        kinds.append(_list_certificates(series, bounds))
    events = chain.from_iterable(islice(kind, MAX_OF_A_KIND) for kind in kinds)
    return [asdict(event) for event in sorted(events, key=lambda event: event.from_ms)]


def _list_annotations(series: Series, wanted: TimeRange) -> Iterator[Event]:
    rows = Annotation.objects.filter(
        identity_id=series.identity_id, name__in=["", series.name]
    ).order_by("-starts_at")
    for row in within(rows, wanted)[:MAX_OF_A_KIND]:
        yield Event(
            f"annotation-{row.pk}",
            "annotation",
            to_ms(row.starts_at),
            None if row.ends_at is None else to_ms(row.ends_at),
            _("%(text)s (%(author)s)") % {"text": row.text, "author": row.created_by},
            reverse("admin:analysis_annotation_change", args=[row.pk]),
        )


def _list_incidents(series: Series, bounds: tuple[datetime, datetime]) -> Iterator[Event]:
    began = Coalesce("started_at", "detected_at")
    rows = Incident.objects.filter(
        Q(ended_at=None) | Q(ended_at__gte=bounds[0]),
        identity_id=series.identity_id,
        name__in=_names(series),
    ).annotate(began=began).filter(began__lt=bounds[1]).order_by("-began")  # fmt: skip
    for row in rows[:MAX_OF_A_KIND]:
        yield Event(
            f"incident-{row.pk}",
            "incident",
            to_ms(row.began),
            None if row.ended_at is None else to_ms(row.ended_at),
            _("Incident: %(kind)s") % {"kind": row.get_kind_display()},
            reverse("admin:alerts_incident_change", args=[row.pk]),
        )


def _list_withdrawals(series: Series, range_ms: tuple[int, int]) -> Iterator[Event]:
    files = Measurement.objects.filter(
        pk__in=Withdrawal.objects.values("measurement"),
        identity_id=series.identity_id,
        name__in=_names(series),
        first_ms__lt=range_ms[1],
        last_ms__gte=range_ms[0],
    )
    latest = files.order_by("-id").values_list("pk", "first_ms", "last_ms")[:MAX_OF_A_KIND]
    for pk, first_ms, last_ms in latest:
        if first_ms is None:  # a file without a sample is in no range
            continue
        yield Event(
            f"withdrawal-{pk}",
            "withdrawal",
            first_ms,
            last_ms,
            _("A file was withdrawn"),
            reverse("admin:ingest_measurement_change", args=[pk]),
        )


def _list_certificates(series: Series, bounds: tuple[datetime, datetime]) -> Iterator[Event]:
    rows = DeviceCertificate.objects.filter(identity_id=series.identity_id).filter(
        Q(bound_at__gte=bounds[0], bound_at__lt=bounds[1])
        | Q(not_after__gte=bounds[0], not_after__lt=bounds[1])
    )
    moved = CertificateReassignment.objects.filter(
        certificate__identity=series.identity_id,
        created_at__gte=bounds[0],
        created_at__lt=bounds[1],
    ).select_related("certificate")
    for row in rows.defer("der").order_by("-bound_at")[:MAX_OF_A_KIND]:
        renewed = _("A device renewed its certificate: %(device)s")
        changes = (
            ("bound", row.bound_at, renewed if row.replaces_id else _("Registered: %(device)s")),
            ("ends", row.not_after, _("A certificate ends: %(device)s")),
        )
        for change, moment, text in changes:
            if bounds[0] <= moment < bounds[1]:
                yield _make_change(f"{change}-{row.pk}", row, moment, text)
    for each in moved.order_by("-id")[:MAX_OF_A_KIND]:
        text = _("A device was reassigned: %(device)s")
        yield _make_change(f"moved-{each.pk}", each.certificate, each.created_at, text)


def _make_change(key: str, row: DeviceCertificate, moment: datetime, text: str) -> Event:
    return Event(
        key,
        "certificate",
        to_ms(moment),
        None,
        text % {"device": row.label or row.fingerprint[:16]},
        reverse("admin:ingest_devicecertificate_device", args=[row.pk]),
    )


def _names(series: Series) -> list[str]:
    """Return the series' name, that of the measurement it is a column of, and "" for all."""
    return ["", series.name, series.name.rpartition(".")[0] or series.name]


def to_ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
