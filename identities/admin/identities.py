"""Identities in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from django.contrib import admin
from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from identities.admin.accessible_widgets import NamedInputs
from identities.admin.bulk_enrolment import show_form
from identities.admin.bulk_enrolment_forms import MAX_KEYS, EnrolmentForm, rows_of
from identities.admin.fields import AS_TEXT
from identities.models import Identity

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    class Counts(TypedDict):
        """What ``get_queryset`` counts for each identity."""

        live_certificates: int
        usable_keys: int

    CountedIdentity = WithAnnotations[Identity, Counts]
    ModelAdmin = admin.ModelAdmin[Identity]
else:
    ModelAdmin = admin.ModelAdmin


@admin.register(Identity)
class IdentityAdmin(NamedInputs):
    """The accounts that data belongs to, with the way to their certificates and keys."""

    list_display = ("name", "is_active", "description", "certificates", "keys", "created_at")
    list_filter = ("is_active",)
    search_fields = ("name", "description")
    # What the names are unique by, so that a page is read from the index.
    ordering = (Lower("name"),)
    show_full_result_count = False
    readonly_fields = ("certificates", "keys", "created_at")
    fields = ("name", "description", "is_active", "reporting_interval", "grace_period",
              "monitoring_paused_until")  # fmt: skip
    formfield_overrides = AS_TEXT

    actions = ("issue_keys",)

    def get_fields(self, request: HttpRequest, obj: Identity | None = None) -> tuple[str, ...]:
        """Return what a new identity is made of, or that and what hangs on an old one."""
        return self.fields if obj is None else self.fields + self.readonly_fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Identity]:
        """Return the identities with the numbers that the list shows."""
        now = timezone.now()
        live = Q(certificates__state="active", certificates__not_after__gt=now)
        usable = Q(
            keys__revoked_at=None, keys__expires_at__gt=now, keys__uses__lt=F("keys__max_uses")
        )
        found: QuerySet[Identity] = super().get_queryset(request)
        return found.annotate(
            live_certificates=_counted("certificates", live),
            usable_keys=_counted("keys", usable),
        )

    def has_issue_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user may make keys."""
        return request.user.has_perm("identities.add_presharedkey")

    @admin.action(
        description="Issue a key for each of the selected %(verbose_name_plural)s",
        permissions=["issue"],
    )
    def issue_keys(self, request: HttpRequest, queryset: QuerySet[Identity]) -> HttpResponse | None:
        """Go on with the list of an enrolment, in which the selected identities stand."""
        names = list(queryset.order_by("name").values_list("name", flat=True)[: MAX_KEYS + 1])
        if len(names) > MAX_KEYS:
            self.message_user(request, f"At most {MAX_KEYS} at once: choose fewer.", "ERROR")
            return None
        form = EnrolmentForm(request, initial={"rows": rows_of(names), "create": False})
        return show_form(request, self, form)

    @admin.display(description="live certificates", ordering="live_certificates")
    def certificates(self, obj: CountedIdentity) -> SafeString:
        """Return the number of live certificates, which leads to all of them."""
        name = "admin:ingest_devicecertificate_changelist"
        return _linked(obj, name, obj.live_certificates, "live certificate")

    @admin.display(description="usable keys", ordering="usable_keys")
    def keys(self, obj: CountedIdentity) -> SafeString:
        """Return the number of usable keys, which leads to all of them."""
        name = "admin:identities_presharedkey_changelist"
        return _linked(obj, name, obj.usable_keys, "usable key")


def _counted(relation: str, condition: Q) -> Subquery:
    # Row by row, for those on the page: a join would count for all identities before it is cut.
    mine = Identity.objects.filter(pk=OuterRef("pk")).order_by()
    return Subquery(mine.annotate(n=Count(relation, filter=condition)).values("n"))


def _linked(identity: Any, url_name: str, number: int, noun: str) -> SafeString:
    # The link's name is what a screen reader lists, so it must say more than "0".
    return format_html(
        '<a href="{}?identity__id__exact={}" aria-label="{}">{}</a>',
        reverse(url_name),
        identity.pk,
        f"{identity.name}: {number} {noun}{'' if number == 1 else 's'}",
        number,
    )
