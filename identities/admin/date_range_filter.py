"""A filter of admin lists by a range of days, chosen with two inputs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest


class DateRangeFilter(admin.ListFilter):
    """Rows from the start of one day (UTC) to the end of another; either may be left open.

    ``field`` is the time of a row. ``parameter_names`` are those of the first and the last day.
    """

    template = "admin/date_range_filter.html"
    field: ClassVar[str]
    parameter_names: ClassVar[tuple[str, str]]

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any
    ) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self.parameter_names:
            if name in params:
                self.used_parameters[name] = params.pop(name)[-1].strip()

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return [*self.parameter_names]

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        """Yield one choice: the values of the inputs, and the other parameters of the list."""
        texts = [self.used_parameters.get(name, "") for name in self.parameter_names]
        others = changelist.params.items()
        yield {
            "is_used": any(texts),
            "query_string": changelist.get_query_string(remove=[*self.parameter_names]),
            "inputs": list(zip(self.parameter_names, texts, strict=True)),
            "hidden": [(key, text) for key, text in others if key not in self.parameter_names],
        }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        first, last = (self._read_day(name) for name in self.parameter_names)
        if first is not None:
            queryset = self.filter_from(queryset, _start(first))
        return queryset if last is None else self.filter_before(queryset, _start(last, days=1))

    def filter_from(self, rows: QuerySet[Any], moment: datetime) -> QuerySet[Any]:
        return rows.filter(**{f"{self.field}__gte": moment})

    def filter_before(self, rows: QuerySet[Any], moment: datetime) -> QuerySet[Any]:
        return rows.filter(**{f"{self.field}__lt": moment})

    def _read_day(self, name: str) -> date | None:
        text = str(self.used_parameters.get(name, ""))
        try:
            day = date.fromisoformat(text) if text else None
        except ValueError as error:
            raise IncorrectLookupParameters from error
        if day is not None and not 1970 <= day.year < 9000:
            raise IncorrectLookupParameters
        return day


def _start(day: date, days: int = 0) -> datetime:
    return datetime.combine(day + timedelta(days=days), time(), UTC)
