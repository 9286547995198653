"""Admin page: the time covered by samples, identities by days, with a threshold and a CSV."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analysis.admin.compliance_table import Row, make_rows, render_rows
from analysis.admin.data_pages import DataPagesAdmin, describe_columns, make_csv_download, read_date
from analysis.models import Compliance
from analysis.queries.compliance import Coverage, read_coverage
from analysis.queries.days import find_zone, start_of_day
from analysis.queries.identities import (
    MAX_PARTICIPANTS,
    Participant,
    list_measurement_names,
    list_participants,
)
from analysis.queries.list_order import Order, read_order
from analysis.queries.series import SERIES_NAME
from identities.admin.checked_requests import render_page
from identities.audit.recorder import Action, record
from identities.search import clean_term
from identities.studies import Study
from identities.visibility import Scope, scope_of
from ingest.measurement_types import find_kind

DAYS_CHOICES = (7, 14, 28, 90)
DEFAULT_DAYS = 14
DEFAULT_THRESHOLD_HOURS = 10.0
COLUMNS = (
    ("identity", gettext_lazy("Identity"), False),
    ("valid", gettext_lazy("Valid days"), False),
    ("covered", gettext_lazy("Hours covered"), False),
)
SORTS = tuple(name for name, _label, _is_number in COLUMNS)


@dataclass(frozen=True)
class Choice:
    """What the page shows, from the parameters of its URL; invalid ones give the defaults."""

    search: str
    study: Study | None
    name: str
    names: list[str]
    zone: ZoneInfo
    last_day: date
    days: int
    threshold_hours: float
    order: Order

    @property
    def dates(self) -> list[date]:
        first = self.last_day - timedelta(days=self.days - 1)
        return [first + timedelta(days=number) for number in range(self.days)]

    @property
    def edges_ms(self) -> list[int]:
        last = self.last_day + timedelta(days=1)
        return [start_of_day(day, self.zone) for day in [*self.dates, last]]

    def query(self, **changed: object) -> str:
        """Return the query string of this choice with some parameters changed."""
        parameters: dict[str, object] = {
            "q": self.search,
            "study": "" if self.study is None else self.study.name,
            "name": self.name,
            "timezone": self.zone.key,
            "to": self.last_day.isoformat(),
            "days": self.days,
            "valid": f"{self.threshold_hours:g}",
            "sort": self.order.text,
        }
        return urlencode({**parameters, **changed})


@admin.register(Compliance)
class ComplianceAdmin(DataPagesAdmin[Compliance]):
    """Identities by days; a view of its own, since it has no rows."""

    identity_path = "pk"
    permissions = ("identities.view_identity", "ingest.view_sampleblock")

    def get_urls(self) -> list[URLPattern]:
        page = self.open_to_viewers(self.changelist_view)
        return [path("", page, name="analysis_compliance_changelist")]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Return the page, or with ``?format=csv`` its days as a file."""
        scope = scope_of(request.user)
        choice = _read_choice(request, scope)
        people = list_participants(scope, choice.study, choice.search)
        kind = find_kind(choice.name) if choice.name else None
        numbers = [person.identity_id for person in people[:MAX_PARTICIPANTS]]
        coverage = (
            None if kind is None else read_coverage(numbers, choice.name, kind, choice.edges_ms)
        )
        rows = [] if coverage is None else _make_rows(people, coverage, choice)
        if request.GET.get("format") == "csv":
            record(Action.EXPORT, text=request.get_full_path(), identity_ids=numbers)
            return _write_csv(rows, choice)
        context = _make_context(choice, rows) | {
            "is_cut": len(people) > MAX_PARTICIPANTS,
            "is_complete": coverage is None or coverage.is_complete,
            "studies": scope.studies(),
        }
        return render_page(self, request, "admin/analysis/compliance/change_list.html", context)


def _make_context(choice: Choice, rows: list[Row]) -> dict[str, Any]:
    return {
        "title": _("Compliance"),
        "choice": choice,
        "rows": rows,
        "table_rows": render_rows(rows, choice.edges_ms),
        "dates": [{"day": day, "is_weekend": day.weekday() >= 5} for day in choice.dates],
        "columns": describe_columns(
            COLUMNS,
            choice.order,
            SORTS,
            lambda sort: choice.query(sort=sort),
            descending_first=("valid", "covered"),
        ),
        "days_choices": DAYS_CHOICES,
        "most": MAX_PARTICIPANTS,
        "csv_query": choice.query(format="csv"),
        "earlier": choice.query(to=choice.last_day - timedelta(days=choice.days)),
        "later": choice.query(to=choice.last_day + timedelta(days=choice.days)),
    }


def _read_choice(request: HttpRequest, scope: Scope) -> Choice:
    get = {name: clean_term(request.GET[name]) for name in request.GET}
    study = _find_study(scope, get.get("study", ""))
    zone = find_zone(get.get("timezone") or ("UTC" if study is None else study.time_zone))
    zone = zone or ZoneInfo("UTC")
    search = get.get("q", "")[:64]
    names = list_measurement_names(scope, study, search)
    name, days = get.get("name", ""), get.get("days", "")
    if not re.fullmatch(SERIES_NAME, name):
        name = names[0] if names else ""
    return Choice(
        search=search,
        study=study,
        name=name,
        names=names,
        zone=zone,
        last_day=read_date(get.get("to", "")) or timezone.now().astimezone(zone).date(),
        days=int(days) if days in map(str, DAYS_CHOICES) else DEFAULT_DAYS,
        threshold_hours=_read_hours(get.get("valid", "")),
        order=read_order(get.get("sort", ""), SORTS, "identity"),
    )


def _find_study(scope: Scope, name: str) -> Study | None:
    try:
        study = Study.objects.named(name) if name else None
    except Study.DoesNotExist:
        return None
    return study if study is not None and scope.has_study(study.pk) else None


def _read_hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        return DEFAULT_THRESHOLD_HOURS
    return hours if 0 < hours <= 24 else DEFAULT_THRESHOLD_HOURS


def _make_rows(people: list[Participant], coverage: Coverage, choice: Choice) -> list[Row]:
    rows = make_rows(
        people[:MAX_PARTICIPANTS],
        coverage,
        choice.dates,
        choice.edges_ms,
        name=choice.name,
        threshold_hours=choice.threshold_hours,
    )
    return _sort_rows(rows, choice)


def _sort_rows(rows: list[Row], choice: Choice) -> list[Row]:
    if choice.order.column == "valid":
        rows = sorted(rows, key=lambda row: row.valid)
    elif choice.order.column == "covered":
        rows = sorted(rows, key=lambda row: row.covered)
    return rows[::-1] if choice.order.is_descending else rows


def _write_csv(rows: list[Row], choice: Choice) -> HttpResponse:
    """Return a line for each identity and day."""
    lines: list[list[Any]] = [
        ["identity", "participant", "date", "samples", "covered_hours", "valid", "takes_part"]
    ]
    days = [day.isoformat() for day in choice.dates]
    for row in rows:
        who = [row.person.identity, row.person.code]
        cells = zip(days, row.samples, row.hours, row.is_valid, row.takes_part, strict=True)
        lines += (
            [*who, day, samples, round(hours, 4), int(is_valid), int(takes_part)]
            for day, samples, hours, is_valid, takes_part in cells
        )
    name = f"compliance_{choice.name}_{choice.dates[0]}_{choice.last_day}.csv"
    plain = (letter if letter.isalnum() or letter in "._-" else "_" for letter in name)
    return make_csv_download("".join(plain), lines)
