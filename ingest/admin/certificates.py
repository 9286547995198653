"""Admin of device certificates: suspend, revoke, reactivate and reassign."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from django.contrib import admin
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from identities.admin.keyset import LargeListAdmin
from identities.admin.visible_rows import StudyFilter
from identities.visibility import Scope
from ingest.admin.certificate_states import CertificateStatesAdmin
from ingest.admin.device_page import DevicePageAdmin
from ingest.admin.read_only import grouped, shown
from ingest.admin.registration_status import registration_status
from ingest.models import CertificateRefusal, DeviceCertificate
from ingest.models.certificates import DeviceCertificateQuerySet

MAX_FOUND = 100


class ExpiryFilter(admin.SimpleListFilter):
    """By expiry of active certificates, and whether they have been replaced."""

    title = _("expiry")
    parameter_name = "ends"

    def lookups(self, request: object, model_admin: object) -> list[tuple[str, str]]:
        return [
            ("soon", gettext("Expires soon, not replaced")),
            ("ended", gettext("Expired, not replaced")),
            ("rolled", gettext("Superseded")),
        ]

    def queryset(
        self, request: object, queryset: QuerySet[DeviceCertificate]
    ) -> QuerySet[DeviceCertificate]:
        now = timezone.now()
        expiring = DeviceCertificate.objects.expiring(now)
        due = DeviceCertificate.objects.needing_renewal(now)
        querysets = {
            "soon": queryset.filter(pk__in=expiring),
            "ended": queryset.filter(pk__in=due, not_after__lte=now),
            "rolled": queryset.exclude(retires_at=None),
        }
        return querysets.get(self.value() or "", queryset)


@admin.register(DeviceCertificate)
class DeviceCertificateAdmin(DevicePageAdmin, CertificateStatesAdmin, LargeListAdmin):
    """Devices bind certificates; staff label, suspend, revoke, reactivate and reassign them."""

    list_display = (
        "identity", "fingerprint_start", "label", "state_shown", "key_type", "not_after_shown",
        "bound_at",
    )  # fmt: skip
    list_display_links = ("identity", "fingerprint_start")
    list_filter = ("state", ExpiryFilter, StudyFilter)
    listed_lookups = ("identity__id__exact", "bound_with__id__exact")
    list_select_related = ("identity",)
    sort_keys: ClassVar[dict[str, Any]] = {
        "not_after_shown": F("not_after"),
        "bound_at": F("bound_at"),
    }
    search_fields = ("label", "identity__name", "sha256", "=last_refusal__request_id")
    search_help_text = _(
        "Part of an identity's name or of a label, the start of a fingerprint, or the ID of the "
        "last refused request."
    )
    actions = ("suspend", "revoke", "reactivate")
    fields = (
        "identity", "fingerprint_shown", "label", "state", "state_reason", "subject_shown",
        "key_type", "not_before", "not_after_shown", "bound_at", "bound_with",
        "first_seen_at", "last_refusal_shown", "replaces", "successors_shown",
        "reassignments_shown",
    )  # fmt: skip
    readonly_fields = tuple({*fields} - {"label", "state", "state_reason"})

    class Media:
        css = {"all": ["ingest/read_only.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: only the device with the private key can bind a certificate."""
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: DeviceCertificate | None = None
    ) -> bool:
        """Return False: every stored file refers to its certificate."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeviceCertificate]:
        queryset = cast("DeviceCertificateQuerySet", super().get_queryset(request))
        return queryset.with_is_expiring(timezone.now()).defer("der")

    def get_urls(self) -> list[URLPattern]:
        status = path(
            "registered-with/<int:key>/",
            self.admin_site.admin_view(registration_status),
            name="ingest_devicecertificate_registered_with",
        )
        return [status, *super().get_urls()]

    def make_search(self, field: str, term: str, scope: Scope) -> Q:
        """Return the condition; the request ID is looked up first, by its index."""
        if field != "=last_refusal__request_id":
            return super().make_search(field, term, scope)
        refusals = CertificateRefusal.objects.filter(request_id=term)
        return Q(pk__in=list(refusals.values_list("pk", flat=True)[:MAX_FOUND]))

    # --- Columns ---------------------------------------------------------------------------
    @admin.display(description=_("fingerprint"))
    def fingerprint_start(self, certificate: DeviceCertificate) -> str:
        return grouped(certificate.sha256)[:19]

    @admin.display(description=_("SHA-256 fingerprint"))
    def fingerprint_shown(self, certificate: DeviceCertificate) -> str:
        return grouped(certificate.sha256)

    @admin.display(description=_("subject"))
    def subject_shown(self, certificate: DeviceCertificate) -> str:
        return shown(certificate.subject, 1000) or "-"

    @admin.display(description=_("last refused request"))
    def last_refusal_shown(self, certificate: DeviceCertificate) -> SafeString | str:
        """Return time, answer, reason with remedy, address and request of the last refusal."""
        refusal = CertificateRefusal.objects.filter(certificate=certificate).first()
        if refusal is None:
            return gettext("none")
        return format_html(
            "{} UTC: {} {}<br>{}<br>{}",
            f"{refusal.at:%Y-%m-%d %H:%M:%S}",
            refusal.status,
            refusal.code,
            refusal.detail,
            gettext("from %(address)s, %(agent)s, request %(request)s")
            % {
                "address": refusal.address or "-",
                "agent": refusal.user_agent or "-",
                "request": refusal.request_id,
            },
        )

    @admin.display(description=_("state"), ordering="state")
    def state_shown(self, certificate: DeviceCertificate) -> SafeString:
        return format_html(
            '<span class="state state-{}">{}</span>',
            certificate.state,
            certificate.get_state_display(),
        )

    @admin.display(description=_("valid until"), ordering="not_after")
    def not_after_shown(self, certificate: DeviceCertificate) -> SafeString | str:
        day, now = f"{certificate.not_after:%Y-%m-%d}", timezone.now()
        if certificate.retires_at is not None:
            return gettext("%(day)s; superseded, refused from %(date)s") % {
                "day": day,
                "date": f"{certificate.retires_at:%Y-%m-%d}",
            }
        if certificate.is_expiring:
            return format_html(
                '<span class="state state-suspended">{} {}</span>', day, gettext("expires soon")
            )
        if certificate.not_after > now:
            return day
        return format_html(
            '<span class="state state-expired">{} {}</span>', gettext("expired"), day
        )
