"""Admin of registration attempts, with the true reasons, which devices do not receive."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from identities.admin.relative_times import time_column
from identities.admin.visible_rows import StudyFilter, viewer_scope
from identities.visibility import VIEW_KEYS, Scope, scope_of
from ingest.admin.read_only import EvidenceAdmin, grouped, shown
from ingest.admin.remedies import find_remedy
from ingest.admin.stranger_refusals import describe_offset
from ingest.models import DeviceCertificate, RegistrationAttempt, StrangerRefusal
from ingest.registration_outcomes import NOT_A_REFUSAL, Outcome


class OutcomeFilter(admin.SimpleListFilter):
    """By outcome, or all failures. The choices are fixed, so the table is not queried for them."""

    title = _("outcome")
    parameter_name = "outcome"

    def lookups(self, request: object, model_admin: object) -> list[tuple[str, str]]:
        return [
            ("refused", gettext("All failures")),
            *((each.value, str(each.label)) for each in Outcome),
        ]

    def queryset(
        self, request: object, queryset: QuerySet[RegistrationAttempt]
    ) -> QuerySet[RegistrationAttempt]:
        if self.value() == "refused":
            return queryset.exclude(outcome__in=NOT_A_REFUSAL)
        return queryset.filter(outcome=self.value()) if self.value() else queryset


@admin.register(RegistrationAttempt)
class RegistrationAttemptAdmin(EvidenceAdmin[RegistrationAttempt]):
    """Registration attempts, latest first."""

    list_display = ("time", "result", "identity", "certificate", "hint", "address", "count")
    list_filter = (OutcomeFilter, "created_at", StudyFilter)
    list_select_related = ("identity",)
    sort_keys: ClassVar[dict[str, Any]] = {"time": F("created_at")}
    time = time_column("created_at", _("time"))
    search_fields = ("=address", "identity__name", "=psk_hint", "=request_id", "sha256")
    search_help_text = _(
        "A part of an identity's name, or a whole IP address, key hint or request ID, or the start "
        "of a fingerprint."
    )
    fields = (
        "created_at", "result", "remedy", "identity", "sha256_shown", "device", "hint", "address",
        "user_agent", "clock", "request", "count",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description=_("outcome"))
    def result(self, attempt: RegistrationAttempt) -> SafeString:
        labels = dict(Outcome.choices)
        state = "active" if attempt.outcome in NOT_A_REFUSAL[:2] else "revoked"
        label = labels.get(attempt.outcome, shown(attempt.outcome))
        return format_html('<span class="state state-{}">{}</span>', state, label)

    def get_queryset(self, request: HttpRequest) -> QuerySet[RegistrationAttempt]:
        """Return the attempts; of each, whether the user may view the keys of its identity."""
        is_shown = scope_of(request.user, VIEW_KEYS).condition()
        rows: QuerySet[RegistrationAttempt] = super().get_queryset(request)
        return rows.annotate(is_hint_shown=is_shown)

    def find_search_scope(self, request: HttpRequest, field: str) -> Scope:
        if field == "=psk_hint":
            return scope_of(request.user, VIEW_KEYS)
        return super().find_search_scope(request, field)

    def make_search(self, field: str, term: str, scope: Scope) -> Q:
        """Return the condition; a hint is found where the user may view the key."""
        found = super().make_search(field, term, scope)
        return found & scope.condition() if field == "=psk_hint" else found

    @admin.display(description=_("key hint"))
    def hint(self, attempt: Any) -> str:
        """Return the hint; that of a key that is unknown may be another identity's, mistyped."""
        return (shown(attempt.psk_hint) or "-") if attempt.is_hint_shown else gettext("hidden")

    @admin.display(description=_("request ID"))
    def request(self, attempt: RegistrationAttempt) -> str:
        return shown(attempt.request_id) or "-"

    @admin.display(description=_("certificate"))
    def certificate(self, attempt: RegistrationAttempt) -> str:
        return grouped(attempt.sha256)[:19]

    @admin.display(description=_("SHA-256 of the certificate"))
    def sha256_shown(self, attempt: RegistrationAttempt) -> str:
        return grouped(attempt.sha256) or "-"

    @admin.display(description=_("what to do"))
    def remedy(self, attempt: RegistrationAttempt) -> str:
        return str(find_remedy(attempt.outcome)) or "-"

    @admin.display(description=_("clock"))
    def clock(self, attempt: RegistrationAttempt) -> str:
        return describe_offset(attempt.clock_offset_seconds)

    @admin.display(description=_("other requests with this certificate"))
    def device(self, attempt: RegistrationAttempt) -> SafeString | str:
        """Return a link to the certificate's device, else to its last refused request."""
        scope = viewer_scope(attempt)
        bound = DeviceCertificate.objects.filter(sha256=attempt.sha256 or b"")
        certificate = scope.filter(bound).only("pk").first()
        if certificate is not None:
            url = reverse("admin:ingest_devicecertificate_device", args=[certificate.pk])
            return format_html('<a href="{}">{}</a>', url, gettext("device"))
        refusals = StrangerRefusal.objects.filter(sha256=attempt.sha256 or b"")
        refusal = refusals.first() if scope.is_everything else None
        if refusal is None:
            return "-"
        url = reverse("admin:ingest_strangerrefusal_change", args=[refusal.pk])
        text = f"{refusal.at:%Y-%m-%d %H:%M:%S} UTC: {refusal.status} {refusal.code}"
        return format_html('<a href="{}">{}</a>', url, text)
