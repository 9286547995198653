"""Attempts to register, with the true reasons that devices are not told."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ingest.admin.read_only import EvidenceAdmin, grouped, shown
from ingest.models import RegistrationAttempt
from ingest.registration_outcomes import NOT_A_REFUSAL, Outcome


class OutcomeFilter(admin.SimpleListFilter):
    """One outcome, or every refusal; the outcomes are named here, not looked up in the table."""

    title = parameter_name = "outcome"

    def lookups(self, request: object, model_admin: object) -> list[tuple[str, str]]:
        """Return the choices."""
        return [("refused", "Any refusal"), *((each.value, str(each.label)) for each in Outcome)]

    def queryset(
        self, request: object, queryset: QuerySet[RegistrationAttempt]
    ) -> QuerySet[RegistrationAttempt]:
        """Return the attempts with the chosen outcome."""
        if self.value() == "refused":
            return queryset.exclude(outcome__in=NOT_A_REFUSAL)
        return queryset.filter(outcome=self.value()) if self.value() else queryset


@admin.register(RegistrationAttempt)
class RegistrationAttemptAdmin(EvidenceAdmin[RegistrationAttempt]):
    """Who tried to register, from where, and how it ended."""

    list_display = ("created_at", "result", "identity", "certificate", "hint", "address", "count")
    list_filter = (OutcomeFilter,)
    list_select_related = ("identity",)
    search_fields = ("=address", "identity__name__iexact", "=psk_hint")
    search_help_text = "An address, an identity's name or a key's hint, whole."
    fields = (
        "created_at", "result", "identity", "sha256_shown", "hint", "address", "request", "count",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description="outcome")
    def result(self, attempt: RegistrationAttempt) -> SafeString:
        """Return the outcome in words."""
        labels = dict(Outcome.choices)
        state = "active" if attempt.outcome in NOT_A_REFUSAL[:2] else "revoked"
        label = labels.get(attempt.outcome, shown(attempt.outcome))
        return format_html('<span class="state state-{}">{}</span>', state, label)

    @admin.display(description="key hint")
    def hint(self, attempt: RegistrationAttempt) -> str:
        """Return the beginning of the pre-shared key that was sent."""
        return shown(attempt.psk_hint) or "-"

    @admin.display(description="request id")
    def request(self, attempt: RegistrationAttempt) -> str:
        """Return the id under which the log knows the request."""
        return shown(attempt.request_id) or "-"

    @admin.display(description="certificate")
    def certificate(self, attempt: RegistrationAttempt) -> str:
        """Return the beginning of the fingerprint."""
        return grouped(attempt.sha256)[:19]

    @admin.display(description="SHA-256 of the certificate")
    def sha256_shown(self, attempt: RegistrationAttempt) -> str:
        """Return the whole fingerprint."""
        return grouped(attempt.sha256) or "-"
