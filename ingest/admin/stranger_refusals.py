"""Admin of refused requests of certificates that are not registered, beside the attempts."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from identities.admin.relative_times import time_column
from identities.visibility import Scope, may_view_all, scope_of
from ingest.admin.device_page import format_length
from ingest.admin.read_only import EvidenceAdmin, grouped
from ingest.admin.remedies import find_remedy
from ingest.models import StrangerRefusal
from ingest.models.device_contacts import is_registered


class RegisteredFilter(admin.SimpleListFilter):
    """Separates devices that have registered since from those that have not."""

    title = _("registered since")
    parameter_name = "registered"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("no", _("No")), ("yes", _("Yes"))]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[StrangerRefusal]
    ) -> QuerySet[StrangerRefusal]:
        if self.value() == "no":
            return queryset.filter(~is_registered())
        return queryset.filter(is_registered()) if self.value() == "yes" else queryset


@admin.register(StrangerRefusal)
class StrangerRefusalAdmin(EvidenceAdmin[StrangerRefusal]):
    """The last refusal of each certificate, latest first; for users who see all identities."""

    list_display = ("time", "certificate", "code", "address", "user_agent", "count")
    list_display_links = ("time", "certificate")
    list_filter = (RegisteredFilter, "at")
    sort_keys: ClassVar[dict[str, Any]] = {"time": F("at")}
    time = time_column("at", _("time"))
    search_fields = ("=address", "=request_id", "=code", "sha256")
    search_help_text = _("A whole IP address, request ID or code, or the start of a fingerprint.")
    fields = (
        "sha256_shown", "at", "first_at", "count", "status", "code", "detail", "remedy", "address",
        "user_agent", "clock", "request_id",
    )  # fmt: skip
    readonly_fields = fields

    def filter_rows(
        self, scope: Scope, rows: QuerySet[StrangerRefusal]
    ) -> QuerySet[StrangerRefusal]:
        """Return all rows or none: strangers belong to no study."""
        return rows if scope.is_everything else rows.none()

    def viewed_scope(self, request: HttpRequest) -> Scope:
        return scope_of(request.user, "ingest.view_registrationattempt")

    def has_view_permission(self, request: HttpRequest, obj: StrangerRefusal | None = None) -> bool:
        may_see = request.user.has_perm("ingest.view_registrationattempt")
        return may_see and may_view_all(request.user)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    @admin.display(description=_("certificate"))
    def certificate(self, refusal: StrangerRefusal) -> str:
        return grouped(refusal.sha256)[:19]

    @admin.display(description=_("SHA-256 fingerprint"))
    def sha256_shown(self, refusal: StrangerRefusal) -> str:
        return grouped(refusal.sha256)

    @admin.display(description=_("what to do"))
    def remedy(self, refusal: StrangerRefusal) -> str:
        return str(find_remedy(refusal.code)) or "-"

    @admin.display(description=_("clock"))
    def clock(self, refusal: StrangerRefusal) -> str:
        return describe_offset(refusal.clock_offset_seconds)


def describe_offset(seconds: int | None) -> str:
    """Return how far a device's clock was ahead or behind, "-" if that is unknown."""
    if seconds is None:
        return "-"
    text = _("%(length)s ahead") if seconds >= 0 else _("%(length)s behind")
    return text % {"length": format_length(abs(seconds))}
