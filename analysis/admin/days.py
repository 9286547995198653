"""The content of the page of a series by days, hours, weeks or months: a chart and a table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from analysis.admin.data_pages import read_date
from analysis.admin.svg_charts import Plot, make_plot
from analysis.queries.days import (
    PERIODS,
    Period,
    PeriodStatistics,
    day_of,
    find_zone,
    list_periods,
    read_period,
    start_of_day,
)
from analysis.queries.series import Series
from analysis.queries.series_interval import find_interval
from identities.studies import Study
from identities.visibility import Scope
from ingest.measurement_types import Kind
from ingest.storage.value_sketch import MAX_RELATIVE_ERROR

DEFAULT_DAYS: dict[Period, int] = {"hour": 2, "day": 365, "week": 730, "month": 3_650}
MAX_ROWS = 1_500
MS_PER_HOUR = 3_600_000
PERIOD_LABELS: dict[str, Promise] = {
    "hour": _("hours"),
    "day": _("days"),
    "week": _("weeks"),
    "month": _("months"),
}
STATISTICS: dict[str, Promise] = {
    "mean": _("Mean"),
    "sd": _("Standard deviation"),
    "minimum": _("Minimum"),
    "p5": _("5th percentile"),
    "median": _("Median"),
    "p95": _("95th percentile"),
    "maximum": _("Maximum"),
    "resting": _("Resting"),
    "covered": _("Hours covered"),
    "samples": _("Samples"),
}


@dataclass(frozen=True)
class Choice:
    """What the page shows, from the parameters of its URL; invalid ones give the defaults.

    ``first`` and ``last`` are local days, both included.
    """

    period: Period
    statistic: str
    zone: ZoneInfo
    first: date
    last: date

    def query(self, **changed: object) -> str:
        """Return the query string of this choice with some parameters changed."""
        parameters: dict[str, object] = {
            "by": self.period,
            "show": self.statistic,
            "timezone": self.zone.key,
            "from": self.first,
            "to": self.last,
        }
        return urlencode({**parameters, **changed})


def describe_days(request: HttpRequest, series: Series, kind: Kind, scope: Scope) -> dict[str, Any]:
    choice = _read_choice(request, series, scope)
    bounds = (
        start_of_day(choice.first, choice.zone),
        start_of_day(choice.last + timedelta(days=1), choice.zone),
    )
    periods, following = list_periods(
        series,
        bounds,
        choice.zone,
        find_interval(series, kind),
        period=choice.period,
        limit=MAX_ROWS,
    )
    chart = reverse("admin:analysis_series_chart", args=[series.identity, series.name])
    days = (choice.last - choice.first).days + 1
    return {
        "choice": choice,
        "series": series,
        "kind": kind,
        "rows": [_make_row(found, choice, chart) for found in reversed(periods)],
        "plot": _make_plot(periods, choice),
        "is_exact": all(found.is_exact for found in periods),
        "error_percent": f"{100 * MAX_RELATIVE_ERROR:.1f}",
        "following": following and choice.query(**{"from": following}),
        "periods": [(name, PERIOD_LABELS[name]) for name in PERIODS],
        "statistics": list(STATISTICS.items()),
        "statistic_label": STATISTICS[choice.statistic],
        "earlier": choice.query(
            **{"from": _shift(choice.first, -days), "to": _shift(choice.last, -days)}
        ),
        "later": choice.query(
            **{"from": _shift(choice.first, days), "to": _shift(choice.last, days)}
        ),
        "chart_url": chart,
        "api_url": reverse("read_api:days", args=[series.identity, series.name]),
    }


def find_default_zone(identity_id: int, scope: Scope) -> ZoneInfo:
    """Return the time zone of the identity's studies, UTC if they have several or none."""
    studies = Study.objects.filter(participants__identity_id=identity_id)
    if not scope.is_everything:
        studies = studies.filter(pk__in=scope.study_ids or ())
    names = set(studies.values_list("time_zone", flat=True))
    zone = find_zone(names.pop()) if len(names) == 1 else None
    return zone or ZoneInfo("UTC")


def _read_choice(request: HttpRequest, series: Series, scope: Scope) -> Choice:
    get = request.GET
    zone = find_zone(get.get("timezone", "")) or find_default_zone(series.identity_id, scope)
    period = read_period(get.get("by", ""))
    statistic = get.get("show", "")
    last = read_date(get.get("to", "")) or day_of(series.last_ms, zone)
    first = read_date(get.get("from", "")) or max(
        day_of(series.first_ms, zone), last - timedelta(days=DEFAULT_DAYS[period] - 1)
    )
    return Choice(
        period=period,
        statistic=statistic if statistic in STATISTICS else "mean",
        zone=zone,
        first=min(first, last),
        last=last,
    )


def _shift(day: date, days: int) -> date:
    return max(date(1971, 1, 1), min(date(8999, 1, 1), day + timedelta(days=days)))


def _make_row(found: PeriodStatistics, choice: Choice, chart: str) -> dict[str, Any]:
    return {
        "label": _format_period(found, choice),
        "url": f"{chart}?{urlencode({'from': found.start_ms, 'to': found.end_ms})}",
        "samples": f"{found.samples:,}",
        "covered": f"{found.covered_ms / MS_PER_HOUR:.2f}",
        "percent": f"{100 * found.covered_ms / (found.end_ms - found.start_ms):.0f} %",
        **{
            name: "–" if (number := getattr(found, name)) is None else f"{number:,.6g}"
            for name in ("mean", "sd", "minimum", "p5", "median", "p95", "maximum", "resting")
        },
    }


def _format_period(found: PeriodStatistics, choice: Choice) -> str:
    if choice.period == "month":
        return f"{found.date:%Y-%m}"
    if choice.period == "hour":
        begins = datetime.fromtimestamp(found.start_ms / 1000, UTC).astimezone(choice.zone)
        return f"{begins:%Y-%m-%d %H:%M %Z}"
    return f"{found.date:%a %Y-%m-%d}"


def _make_plot(periods: list[PeriodStatistics], choice: Choice) -> Plot | None:
    def value_of(found: PeriodStatistics) -> float | None:
        if choice.statistic == "covered":
            return found.covered_ms / MS_PER_HOUR
        value: float | None = getattr(found, choice.statistic)
        return value

    points = [
        (found.start_ms, found.end_ms, value, f"{_format_period(found, choice)}: {value:,.6g}")
        for found in periods
        if (value := value_of(found)) is not None
    ]
    if not points:
        return None
    labels = [(start_of_day(day, choice.zone), f"{day:%Y-%m-%d}") for day in _label_days(choice)]
    return make_plot(points, (points[0][0], points[-1][1]), labels)


def _label_days(choice: Choice) -> list[date]:
    count = (choice.last - choice.first).days + 1
    step = max(1, count // 6)
    return [choice.first + timedelta(days=number) for number in range(0, count, step)]
