"""Pre-shared keys in the admin: made, handed over once, then evidence."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe

from identities.admin.bulk_enrolment_forms import MAX_KEYS
from identities.admin.ca_download import download_ca
from identities.admin.credentials import OneTimeSecretAdmin
from identities.admin.reissue import TOO_MANY, Asked, answer_reissue
from identities.device_setup import (
    Command,
    address,
    make_certificate,
    qr_svg,
    register,
)
from identities.models import Identity, PreSharedKey, PreSharedKeyQuerySet
from ingest.failed_attempts import with_refusals

MAX_LIST = 1000
STATES = ("usable", "exhausted", "expired", "revoked")


class StateFilter(admin.SimpleListFilter):
    """Narrows the list to the keys in one state."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the states."""
        return [(state, state.capitalize()) for state in STATES]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[PreSharedKey]
    ) -> QuerySet[PreSharedKey]:
        """Return the keys in the chosen state; all of them where none is chosen."""
        state = self.value()
        if not isinstance(queryset, PreSharedKeyQuerySet) or state not in STATES:
            return queryset
        return queryset.in_state(state)


class RefusedFilter(admin.SimpleListFilter):
    """Narrows the list to the keys with which attempts were refused."""

    title = "refused attempts"
    parameter_name = "refused"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the one choice beside all keys."""
        return [("yes", "With refused attempts")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the keys that were tried in vain; all of them where that is not asked for."""
        return queryset.filter(refused__gt=0) if self.value() == "yes" else queryset


@admin.register(PreSharedKey)
class PreSharedKeyAdmin(OneTimeSecretAdmin):
    """Keys: the addition answers with the handover card, afterwards only the hint is there."""

    list_display = (
        "hint",
        "identity",
        "state_shown",
        "uses_shown",
        "refused_shown",
        "expires_at",
        "note",
        "created_at",
    )
    list_filter = (StateFilter, RefusedFilter)
    change_list_template = "admin/identities/presharedkey/change_list.html"
    change_form_template = "admin/identities/presharedkey/change_form.html"
    actions = ("reissue_selected", "revoke_selected")
    list_select_related = ("identity",)
    search_fields = ("identity__name", "note", "hint")
    search_help_text = "Identity, note or the first characters of a key. Never a whole key."
    card_template = "admin/identities/presharedkey/issued.html"
    add_fields = ("identity", "note", "max_uses", "expires_at")
    change_fields = (
        "identity",
        "hint",
        "state_shown",
        "uses_shown",
        "refused_shown",
        "note",
        "expires_at",
        "created_by",
        "created_at",
        "revoked_at",
        "place_shown",
    )
    revoke_consequence = (
        "No further device can register with it. Devices that have registered stay registered: "
        "suspend or revoke their certificates on the certificates' own pages."
    )

    def get_autocomplete_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Have identities looked up while typing only where a list of all would be too long.

        The browser's own list needs no script and serves every screen reader.
        """
        return ("identity",) if Identity.objects.count() > MAX_LIST else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: keys are evidence of who was let in."""
        return False

    def assign_maker(self, request: HttpRequest, obj: PreSharedKey) -> None:
        """Write down on the new key who makes it."""
        obj.created_by_id = request.user.pk

    def commands(self, obj: PreSharedKey, *, own_ca: bool) -> list[Command]:
        """Return the commands that register a new device with the key."""
        url = address(settings.PUBLIC_HOST, settings.DEVICE_PORT, "/device_endpoint")
        return [make_certificate(obj.identity.name), register(url, own_ca=own_ca)]

    def card_context(self, obj: PreSharedKey) -> dict[str, Any]:
        """Return the title and the QR code, which says the key in no form but its modules."""
        code = mark_safe(qr_svg(obj.secret))  # noqa: S308 - made here, of letters and digits
        return {"title": f"Pre-shared key for {obj.identity}", "qr_code": code}

    def get_queryset(self, request: HttpRequest) -> QuerySet[PreSharedKey]:
        """Return the keys with the attempts that were refused."""
        return with_refusals(super().get_queryset(request))

    @admin.display(description="refused")
    def refused_shown(self, obj: Any) -> str | SafeString:
        """Return how often the key was tried in vain, which leads to the attempts."""
        if not obj.refused:
            return "0"
        url = reverse("admin:ingest_registrationattempt_changelist")
        query = urlencode({"q": obj.hint, "outcome": "refused"})
        told = '<a class="state state-revoked" href="{}?{}">{}</a>'
        return format_html(told, url, query, obj.refused)

    @admin.display(description="uses")
    def uses_shown(self, obj: PreSharedKey) -> SafeString:
        """Return how many uses are gone, with a link to the certificates that they bound."""
        text = f"{obj.uses} of {obj.max_uses}"
        if not obj.uses:
            return format_html("{}", text)
        url = reverse("admin:ingest_devicecertificate_changelist")
        return format_html('<a href="{}?bound_with__id__exact={}">{}</a>', url, obj.pk, text)

    @admin.display(description="issued with")
    def place_shown(self, obj: PreSharedKey) -> SafeString:
        """Return the enrolment, and the keys before and after this one in its place."""
        replaced_by = PreSharedKey.objects.filter(replaces=obj).first()
        rows = [
            ("", "enrolment", obj.enrolment),
            ("in the place of ", "presharedkey", obj.replaces),
            ("replaced by ", "presharedkey", replaced_by),
        ]
        links = (
            (words, reverse(f"admin:identities_{model}_change", args=(row.pk,)), row)
            for words, model, row in rows
            if row is not None
        )
        return format_html_join(", ", '{}<a href="{}">{}</a>', links) or SafeString("-")

    def has_reissue_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user may make keys in the place of others, which are revoked."""
        return self.has_add_permission(request) and self.has_change_permission(request)

    def reissue_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, and on POST answer with the card of the key that takes this one's place."""
        if not self.has_reissue_permission(request):
            raise PermissionDenied
        key = self.get_object(request, unquote(object_id))
        if key is None:
            raise Http404
        back = reverse("admin:identities_presharedkey_change", args=(key.pk,))
        asked = Asked(PreSharedKey.objects.filter(pk=key.pk), back, key.enrolment)
        page = answer_reissue(request, self, asked)
        if page is None:
            self.message_user(request, "This key has been replaced before.", messages.WARNING)
        return page or HttpResponseRedirect(back)

    @admin.action(description="Re-issue selected %(verbose_name_plural)s", permissions=["reissue"])
    def reissue_selected(
        self, request: HttpRequest, queryset: QuerySet[PreSharedKey]
    ) -> HttpResponse | None:
        """Ask, and once confirmed answer with the sheet of the keys that replace the selected."""
        if queryset.count() > MAX_KEYS:
            self.message_user(request, TOO_MANY, messages.ERROR)
            return None
        selected = queryset.values_list("pk", flat=True)
        hidden = [("action", "reissue_selected"), *((ACTION_CHECKBOX_NAME, pk) for pk in selected)]
        back = reverse("admin:identities_presharedkey_changelist")
        keys = PreSharedKey.objects.filter(pk__in=[*selected])
        page = answer_reissue(request, self, Asked(keys, back, hidden=hidden))
        if page is None:
            text = "These keys have been replaced before: re-issue those that replaced them."
            self.message_user(request, text, messages.WARNING)
        return page

    def get_urls(self) -> list[URLPattern]:
        """Return the pages of a key and the download of the server's CA certificate."""
        own = [
            path(
                route,
                self.admin_site.admin_view(view),
                name=f"identities_presharedkey_{name}",
            )
            for route, view, name in (
                ("server-ca/", download_ca, "server_ca"),
                ("<path:object_id>/reissue/", self.reissue_view, "reissue"),
            )
        ]
        return [*own, *super().get_urls()]
