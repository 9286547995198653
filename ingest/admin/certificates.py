"""Certificates of devices: who may send, and the switch that stops one."""

from __future__ import annotations

from typing import cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from identities.models import Identity
from ingest.admin.certificate_reassignment import MovableAdmin
from ingest.admin.read_only import EstimatedPaginator, grouped, shown
from ingest.admin.registration_status import tell_registrations
from ingest.models import DeviceCertificate
from ingest.models.certificates import DeviceCertificateQuerySet

State = DeviceCertificate.State
MAX_IDENTITIES = 1_000


class EndFilter(admin.SimpleListFilter):
    """How long active certificates are good for, and whether another has taken their place."""

    title = "end"
    parameter_name = "ends"

    def lookups(self, request: object, model_admin: object) -> list[tuple[str, str]]:
        """Return the choices."""
        return [
            ("soon", "Soon, without a successor"),
            ("ended", "Has ended, without a successor"),
            ("rolled", "Rolled: has a successor"),
        ]

    def queryset(
        self, request: object, queryset: QuerySet[DeviceCertificate]
    ) -> QuerySet[DeviceCertificate]:
        """Return the certificates of the choice."""
        now = timezone.now()
        expiring = DeviceCertificate.objects.expiring(now)
        due = DeviceCertificate.objects.needing_renewal(now)
        chosen = {
            "soon": queryset.filter(pk__in=expiring),
            "ended": queryset.filter(pk__in=due, not_after__lte=now),
            "rolled": queryset.exclude(retires_at=None),
        }
        return chosen.get(self.value() or "", queryset)


@admin.register(DeviceCertificate)
class DeviceCertificateAdmin(MovableAdmin):
    """Devices bind certificates; staff name, suspend, revoke, reactivate and move them."""

    list_display = (
        "identity", "fingerprint_start", "label", "state_shown", "key_type", "not_after_shown",
        "bound_at",
    )  # fmt: skip
    list_display_links = ("identity", "fingerprint_start")
    list_filter = ("state", EndFilter)
    list_select_related = ("identity",)
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False
    paginator = EstimatedPaginator
    search_fields = ("label",)
    search_help_text = "A part of an identity's name or of a label, or the start of a fingerprint."
    actions = ("suspend", "revoke", "reactivate")
    fields = (
        "identity", "fingerprint_shown", "label", "state", "state_reason", "subject_shown",
        "key_type", "not_before", "not_after_shown", "bound_at", "bound_with", "replaces",
        "moves_shown",
    )  # fmt: skip
    readonly_fields = tuple({*fields} - {"label", "state", "state_reason"})

    class Media:
        css = {"all": ["ingest/read_only.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: only a device that holds the key can bind a certificate."""
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: DeviceCertificate | None = None
    ) -> bool:
        """Return False: every stored file says which certificate it came with."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeviceCertificate]:
        """Return the certificates without their bytes."""
        queryset = cast("DeviceCertificateQuerySet", super().get_queryset(request))
        return queryset.with_is_expiring(timezone.now()).defer("der")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[DeviceCertificate], search_term: str
    ) -> tuple[QuerySet[DeviceCertificate], bool]:
        """Search by identity and label, and by a fingerprint of eight digits or more."""
        found, duplicates = super().get_search_results(request, queryset, search_term)
        if term := search_term.strip().replace("\0", ""):
            # Found first: joined and sorted together, all certificates would be read for a page.
            names = Identity.objects.filter(name__icontains=term).values_list("pk", flat=True)
            found |= queryset.filter(identity_id__in=list(names[:MAX_IDENTITIES]))
        digits = "".join(search_term.split()).replace(":", "").lower()
        if 8 <= len(digits) <= 64 and set(digits) <= set("0123456789abcdef"):
            start = bytes.fromhex(digits[: len(digits) // 2 * 2])
            found |= queryset.filter(sha256__gte=start, sha256__lte=start.ljust(32, b"\xff"))
        return found, duplicates

    def get_urls(self) -> list[URLPattern]:
        """Return the pages of certificates, and what a key's handover card asks."""
        asked = path(
            "registered-with/<int:key>/",
            self.admin_site.admin_view(tell_registrations),
            name="ingest_devicecertificate_registered_with",
        )
        return [asked, *super().get_urls()]

    # --- Columns ---------------------------------------------------------------------------
    @admin.display(description="fingerprint")
    def fingerprint_start(self, certificate: DeviceCertificate) -> str:
        """Return the first 16 digits of the SHA-256."""
        return grouped(certificate.sha256)[:19]

    @admin.display(description="SHA-256 fingerprint")
    def fingerprint_shown(self, certificate: DeviceCertificate) -> str:
        """Return the SHA-256 in groups."""
        return grouped(certificate.sha256)

    @admin.display(description="subject")
    def subject_shown(self, certificate: DeviceCertificate) -> str:
        """Return what the certificate says of itself, which proves nothing."""
        return shown(certificate.subject, 1000) or "-"

    @admin.display(description="state", ordering="state")
    def state_shown(self, certificate: DeviceCertificate) -> SafeString:
        """Return the state as a word in its colour."""
        return format_html(
            '<span class="state state-{}">{}</span>',
            certificate.state,
            certificate.get_state_display(),
        )

    @admin.display(description="valid until", ordering="not_after")
    def not_after_shown(self, certificate: DeviceCertificate) -> SafeString | str:
        """Return the last day of validity, marked when it is near or over."""
        day, now = f"{certificate.not_after:%Y-%m-%d}", timezone.now()
        if certificate.retires_at is not None:
            return f"{day}; rolled, refused from {certificate.retires_at:%Y-%m-%d}"
        if certificate.is_expiring:
            return format_html('<span class="state state-suspended">{} ends soon</span>', day)
        if certificate.not_after > now:
            return day
        return format_html('<span class="state state-expired">expired {}</span>', day)

    # --- Actions ---------------------------------------------------------------------------
    @admin.action(description="Suspend: refuse until reactivated", permissions=["change"])
    def suspend(self, request: HttpRequest, chosen: QuerySet[DeviceCertificate]) -> None:
        """Refuse the active ones of ``chosen`` for the time being."""
        self._set_state(request, chosen.filter(state=State.ACTIVE), State.SUSPENDED)

    @admin.action(description="Revoke: refuse from now on", permissions=["change"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[DeviceCertificate]) -> None:
        """Refuse ``chosen`` for good; a valid pre-shared key does not bring one back."""
        self._set_state(request, chosen.exclude(state=State.REVOKED), State.REVOKED)

    @admin.action(description="Reactivate: accept again", permissions=["change"])
    def reactivate(self, request: HttpRequest, chosen: QuerySet[DeviceCertificate]) -> None:
        """Accept ``chosen`` again, revoked ones too."""
        self._set_state(request, chosen.exclude(state=State.ACTIVE), State.ACTIVE)

    def _set_state(
        self, request: HttpRequest, chosen: QuerySet[DeviceCertificate], state: State
    ) -> None:
        changed = list(chosen)
        for certificate in changed:
            certificate.state = state
            certificate.state_reason = ""
            certificate.save(update_fields=["state", "state_reason"])
            self.log_change(request, certificate, f"State set to {state.label.lower()}.")
        count = len(changed)
        noun = "certificate is" if count == 1 else "certificates are"
        self.message_user(request, f"{count} {noun} now {state.label.lower()}.", messages.SUCCESS)
