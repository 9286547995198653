"""Admin lists of incidents and notifications."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from alerts.models import Incident, Notification, NotificationItem
from identities.admin.relative_times import time_column
from identities.admin.visible_rows import StudyFilter, viewer_scope
from identities.studies import Study
from identities.visibility import Scope
from ingest.admin.read_only import EvidenceAdmin
from ingest.time_range import format_instant


class ResolvedFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "open"

    def lookups(self, request: object, model_admin: object) -> list[tuple[str, str]]:
        return [("yes", gettext("Open")), ("no", gettext("Resolved"))]

    def queryset(self, request: object, queryset: QuerySet[Incident]) -> QuerySet[Incident]:
        if self.value() is None:
            return queryset
        return queryset.filter(ended_at__isnull=self.value() == "yes")


@admin.register(Incident)
class IncidentAdmin(EvidenceAdmin[Incident]):
    """Overdue series, expiring certificates, damaged files and lost workers, latest first."""

    list_display = (
        "detected", "identity", "series", "state", "newest", "last_received", "started", "ended",
    )  # fmt: skip
    detected = time_column("detected_at", _("detected"))
    last_received = time_column("last_received_at", _("last file received"))
    started = time_column("started_at", _("started"))
    ended = time_column("ended_at", _("ended"))
    list_filter = (ResolvedFilter, "kind", StudyFilter)
    list_select_related = ("identity", "certificate__identity")
    search_fields = ("identity__name", "name")
    fields = ("identity", "series", "kind", "state", "certificate", "file", "newest",
              "detected_at", "last_received_at", "started_at", "ended_at")  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Incident]:
        return super().get_queryset(request).defer("certificate__der")

    @admin.display(description=_("series"))
    def series(self, incident: Incident) -> str:
        return incident.name or ("–" if incident.certificate_id else gettext("all series"))

    @admin.display(description=_("file"))
    def file(self, incident: Incident) -> SafeString | str:
        if incident.measurement_id is None:
            return "–"
        url = reverse("admin:ingest_measurement_change", args=[incident.measurement_id])
        return format_html('<a href="{}">{}</a>', url, incident.measurement_id)

    @admin.display(description=_("state"))
    def state(self, incident: Incident) -> str:
        if incident.ended_at is not None:
            return incident.get_outcome_display()
        if incident.kind == Incident.Kind.OVERDUE and incident.is_backfilling:
            return gettext("catching up")
        return incident.get_kind_display()

    @admin.display(description=_("newest sample"))
    def newest(self, incident: Incident) -> str:
        return "–" if incident.newest_ms is None else format_instant(incident.newest_ms)


@admin.register(Notification)
class NotificationAdmin(EvidenceAdmin[Notification]):
    """Sent and waiting notifications with an identity that the user may see, latest first."""

    list_display = (
        "created_at", "channel", "state", "attempts", "sent_at", "next_attempt", "last_error",
    )  # fmt: skip
    list_filter = ("channel", StudyFilter)
    list_select_related = ("study",)
    fields = (
        "id", "created_at", "channel", "study", "state", "attempts", "sent_at", "next_attempt",
        "last_error", "events",
    )  # fmt: skip
    readonly_fields = fields

    def filter_rows(self, scope: Scope, rows: QuerySet[Notification]) -> QuerySet[Notification]:
        if scope.is_everything:
            return rows
        items = NotificationItem.objects.filter(notification=OuterRef("pk"))
        of_studies = Q(study=None) | Q(study__in=sorted(scope.study_ids or ()))
        return rows.filter(of_studies, Exists(scope.filter(items, "incident__identity")))

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        """Return the columns, with the study if there is any."""
        columns = (*super().get_list_display(request),)
        return (*columns[:2], "study", *columns[2:]) if Study.objects.exists() else columns

    @admin.display(description=_("state"))
    def state(self, notification: Notification) -> SafeString:
        if notification.sent_at is not None:
            style, word = "active", gettext("sent")
        elif notification.abandoned_at is not None:
            style, word = "revoked", gettext("abandoned")
        else:
            style, word = "suspended", gettext("waiting")
        return format_html('<span class="state state-{}">{}</span>', style, word)

    @admin.display(description=_("next attempt"))
    def next_attempt(self, notification: Notification) -> str:
        is_waiting = notification.sent_at is None and notification.abandoned_at is None
        return f"{notification.next_attempt_at:%Y-%m-%d %H:%M:%S}" if is_waiting else "–"

    @admin.display(description=_("events"))
    def events(self, notification: Notification) -> SafeString:
        every = notification.items.select_related("incident__identity")
        items = viewer_scope(notification).filter(every, "incident__identity")[:1000]
        lines = (
            (item.get_event_display(), item.incident.identity.name, item.incident.name)
            for item in items
        )
        return format_html_join("", "<p>{}: {} {}</p>", lines)
