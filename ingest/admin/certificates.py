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

from identities.admin.date_range_filter import DateRangeFilter
from identities.admin.keyset import LargeListAdmin
from identities.admin.relative_times import relative_time, time_column
from identities.admin.visible_rows import StudyFilter
from identities.models import PreSharedKey
from identities.search import search_text
from identities.visibility import VIEW_KEYS, Scope, scope_of
from ingest.admin.certificate_states import CertificateStatesAdmin
from ingest.admin.device_page import DevicePageAdmin
from ingest.admin.read_only import grouped, shown
from ingest.admin.registration_status import registration_status
from ingest.models import CertificateRefusal, DeviceCertificate
from ingest.models.certificates import DeviceCertificateQuerySet

MAX_FOUND = 100
# Shorter texts are in too many notes of keys.
MIN_LETTERS_OF_KEYS = 3


class BoundRangeFilter(DateRangeFilter):
    title = _("days of registration")
    field = "bound_at"
    parameter_names = ("bound_from", "bound_until")


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
        "bound",
    )  # fmt: skip
    list_display_links = ("identity", "fingerprint_start")
    list_filter = ("state", ExpiryFilter, BoundRangeFilter, StudyFilter)
    listed_lookups = ("identity__id__exact", "bound_with__id__exact")
    list_select_related = ("identity",)
    sort_keys: ClassVar[dict[str, Any]] = {
        "not_after_shown": F("not_after"),
        "bound": F("bound_at"),
    }
    bound = time_column("bound_at", _("registered"))
    search_fields = (
        "label", "identity__name", "sha256", "=last_refusal__request_id", "bound_with__hint",
        "bound_with__note",
    )  # fmt: skip
    search_help_text = _(
        "Part of an identity's name, of a label or of a key's note, the first characters of a key, "
        "the start of a fingerprint, or the ID of the last refused request."
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

    def get_fields(self, request: HttpRequest, obj: DeviceCertificate | None = None) -> Any:
        """Return the fields; the key, whose hint it shows, where the user may view the key."""
        key = None if obj is None else obj.bound_with
        if key is None or scope_of(request.user, VIEW_KEYS).has(key.identity_id):
            return self.fields
        return [each for each in self.fields if each != "bound_with"]

    def get_search_fields(self, request: HttpRequest) -> list[str] | tuple[str, ...]:
        """Return the fields; those of keys for users who may see keys."""
        fields = super().get_search_fields(request)
        may_see_keys = request.user.has_perm(VIEW_KEYS)
        return [each for each in fields if may_see_keys or not each.startswith("bound_with")]

    def find_search_scope(self, request: HttpRequest, field: str) -> Scope:
        if field.startswith("bound_with"):
            return scope_of(request.user, VIEW_KEYS)
        return super().find_search_scope(request, field)

    def make_search(self, field: str, term: str, scope: Scope) -> Q:
        """Return the condition; rows of other tables are looked up first, by their indexes."""
        if field == "=last_refusal__request_id":
            refusals = CertificateRefusal.objects.filter(request_id=term)
            return Q(pk__in=list(refusals.values_list("pk", flat=True)[:MAX_FOUND]))
        if not field.startswith("bound_with"):
            return super().make_search(field, term, scope)
        if len(term) < MIN_LETTERS_OF_KEYS:
            return Q(pk__in=[])
        is_hint = field == "bound_with__hint"
        found = Q(hint__startswith=term) if is_hint else search_text(PreSharedKey, "note", term)
        keys = scope.filter(PreSharedKey.objects.filter(found)).order_by()
        return Q(bound_with__in=list(keys.values_list("pk", flat=True)[:MAX_FOUND]))

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
        day, now = relative_time(certificate.not_after), timezone.now()
        if certificate.retires_at is not None:
            is_over = certificate.retires_at <= now
            text = gettext("superseded, refused since") if is_over else gettext("superseded, until")
            return format_html("{} {}", text, relative_time(certificate.retires_at))
        if certificate.is_expiring:
            return format_html(
                '<span class="state state-suspended">{} {}</span>', gettext("expires"), day
            )
        if certificate.not_after > now:
            return day
        return format_html(
            '<span class="state state-expired">{} {}</span>', gettext("expired"), day
        )
