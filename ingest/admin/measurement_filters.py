"""Filters of the list of measurement files, each found by an index."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from identities.admin.date_range_filter import DateRangeFilter
from identities.visibility import scope_of
from ingest.device_history import files_of, find_line
from ingest.escaping import escape
from ingest.models import DeviceCertificate, Measurement, Withdrawal
from ingest.series_names import filter_by_name, list_series_names
from ingest.uuid7 import uuid7_floor

MAX_DEVICES_OFFERED = 20


class NotKeptFilter(admin.SimpleListFilter):
    """Files of which not every value is kept as it was sent."""

    title = _("values not kept")
    parameter_name = "not_kept"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("repeated", gettext("repeated times")), ("rounded", gettext("rounded values"))]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Measurement]
    ) -> QuerySet[Measurement]:
        if self.value() == "repeated":
            return queryset.filter(repeated__gt=0)
        return queryset.filter(rounded__gt=0) if self.value() == "rounded" else queryset


class StatusFilter(admin.SimpleListFilter):
    """Files by status; withdrawn files, which are few, are found from their withdrawals."""

    title = _("status")
    parameter_name = "status__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(status.value, str(status.label)) for status in Measurement.Status]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Measurement]
    ) -> QuerySet[Measurement]:
        status = self.value()
        if status not in Measurement.Status.values:
            return queryset
        if status == Measurement.Status.WITHDRAWN:
            queryset = queryset.filter(pk__in=Withdrawal.objects.values("measurement"))
        return queryset.filter(status=status)


class ReceivedFilter(admin.SimpleListFilter):
    """Files by the day of their reception, which their ids begin with."""

    title = _("received")
    parameter_name = "received"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("1", gettext("In the last 24 hours")),
            ("7", gettext("In the last 7 days")),
            ("30", gettext("In the last 30 days")),
        ]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Measurement]
    ) -> QuerySet[Measurement]:
        days = self.value()
        if days not in ("1", "7", "30"):
            return queryset
        return queryset.filter(pk__gte=uuid7_floor(timezone.now() - timedelta(days=int(days))))


class ReceivedRangeFilter(DateRangeFilter):
    """Files by their reception, from one day to another."""

    title = _("days of reception")
    parameter_names = ("received_from", "received_until")

    def filter_from(self, rows: QuerySet[Measurement], moment: datetime) -> QuerySet[Measurement]:
        return rows.filter(pk__gte=uuid7_floor(moment))

    def filter_before(self, rows: QuerySet[Measurement], moment: datetime) -> QuerySet[Measurement]:
        return rows.filter(pk__lt=uuid7_floor(moment))


class DeviceFilter(admin.SimpleListFilter):
    """Files of one device, with all certificates of its line.

    The devices of an identity are offered where its files alone are listed; other pages link to the
    files of a device.
    """

    title = _("device")
    parameter_name = "device"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        value = request.GET.get(self.parameter_name, "")
        found: dict[int, str] = {}
        if request.user.has_perm("ingest.view_devicecertificate"):
            rows = scope_of(request.user).filter(DeviceCertificate.objects.defer("der"))
            identity = _read_key(request.GET.get("identity__id__exact", ""))
            current = rows.filter(identity=identity, retires_at=None).order_by("-bound_at")
            devices = [*current[:MAX_DEVICES_OFFERED], *rows.filter(pk=_read_key(value))]
            found = {each.pk: escape(each.label, 60) or each.fingerprint[:16] for each in devices}
        options = {str(pk): label for pk, label in found.items()}
        # A device that may not be seen is an option too, or else the filter would not count.
        return [*(({value: gettext("unknown")} if value else {}) | options).items()]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Measurement]
    ) -> QuerySet[Measurement]:
        if not self.value():
            return queryset
        scope = scope_of(request.user)
        rows = scope.filter(DeviceCertificate.objects.defer("der"))
        certificate = rows.filter(pk=_read_key(self.value() or "")).first()
        if certificate is None or not request.user.has_perm("ingest.view_devicecertificate"):
            return queryset.none()
        return queryset.filter(files_of(find_line(certificate, scope)))


def _read_key(text: str) -> int:
    """Return the number of a row, 0 for text that is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


class NameFilter(admin.SimpleListFilter):
    """Files by the measurement's name."""

    title = _("measurement")
    parameter_name = "name"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = list_series_names(scope_of(request.user))
        chosen = request.GET.get(self.parameter_name)
        return [(name, name) for name in dict.fromkeys([*names, *([chosen] if chosen else [])])]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Measurement]
    ) -> QuerySet[Measurement]:
        return filter_by_name(queryset, self.value() or "") if self.value() else queryset
