"""Incidents and notices: which device stopped when, and who was told."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from alerts.models import Incident, Notification
from ingest.admin.read_only import EvidenceAdmin
from ingest.time_range import format_instant


class OpenFilter(admin.SimpleListFilter):
    """Those that go on, or those that are over."""

    title = "whether it is over"
    parameter_name = "open"

    def lookups(self, request: object, model_admin: object) -> list[tuple[str, str]]:
        """Return the choices."""
        return [("yes", "Open"), ("no", "Over")]

    def queryset(self, request: object, queryset: QuerySet[Incident]) -> QuerySet[Incident]:
        """Return the incidents of the choice."""
        if self.value() is None:
            return queryset
        return queryset.filter(ended_at__isnull=self.value() == "yes")


@admin.register(Incident)
class IncidentAdmin(EvidenceAdmin[Incident]):
    """Series without new samples and certificates that end soon, latest first."""

    list_display = (
        "detected_at",
        "identity",
        "series",
        "state",
        "newest",
        "last_received_at",
        "started_at",
        "ended_at",
    )
    list_filter = (OpenFilter, "kind")
    list_select_related = ("identity", "certificate__identity")
    search_fields = ("identity__name", "name")
    fields = ("identity", "series", "kind", "state", "certificate", "newest", "detected_at",
              "last_received_at", "started_at", "ended_at")  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Incident]:
        """Return the incidents without the bytes of certificates."""
        return super().get_queryset(request).defer("certificate__der")

    @admin.display(description="series")
    def series(self, incident: Incident) -> str:
        """Return the series' name."""
        return incident.name or ("–" if incident.certificate_id else "all together")

    @admin.display(description="state")
    def state(self, incident: Incident) -> str:
        """Return how things stand, in a word."""
        if incident.ended_at is not None:
            return incident.get_outcome_display()
        if incident.kind == Incident.Kind.EXPIRING:
            return "certificate ends soon"
        return "catching up" if incident.is_backfilling else "late"

    @admin.display(description="newest sample")
    def newest(self, incident: Incident) -> str:
        """Return the time of the newest sample."""
        return "–" if incident.newest_ms is None else format_instant(incident.newest_ms)


@admin.register(Notification)
class NoticeAdmin(EvidenceAdmin[Notification]):
    """What was told by mail and webhook, what waits to be sent and why, latest first."""

    list_display = (
        "created_at",
        "channel",
        "state",
        "attempts",
        "sent_at",
        "next_try",
        "last_error",
    )
    list_filter = ("channel",)
    fields = (
        "id",
        "created_at",
        "channel",
        "state",
        "attempts",
        "sent_at",
        "next_try",
        "last_error",
        "events",
    )
    readonly_fields = fields

    @admin.display(description="state")
    def state(self, notice: Notification) -> SafeString:
        """Return what became of it, as a word in its colour."""
        if notice.sent_at is not None:
            kind, word = "active", "sent"
        elif notice.abandoned_at is not None:
            kind, word = "revoked", "given up"
        else:
            kind, word = "suspended", "waits"
        return format_html('<span class="state state-{}">{}</span>', kind, word)

    @admin.display(description="next try at")
    def next_try(self, notice: Notification) -> str:
        """Return when it is tried again, if it is."""
        waits = notice.sent_at is None and notice.abandoned_at is None
        return f"{notice.next_attempt_at:%Y-%m-%d %H:%M:%S}" if waits else "–"

    @admin.display(description="events")
    def events(self, notice: Notification) -> SafeString:
        """Return what it tells, a line each."""
        items = notice.items.select_related("incident__identity")[:1000]
        lines = ((item.event, item.incident.identity.name, item.incident.name) for item in items)
        return format_html_join("", "<p>{}: {} {}</p>", lines)
