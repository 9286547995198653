"""Pre-shared keys in the admin: created, shown once, then evidence."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import F, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from identities.admin.bulk_enrolment_forms import MAX_KEYS
from identities.admin.confirmation import row_url
from identities.admin.credentials import (
    NewSecretForm,
    OneTimeSecretAdmin,
    download_ca_certificate,
    draw_qr_code,
    registration_url,
)
from identities.admin.extensions import key_pages
from identities.admin.keyset import LargeListAdmin
from identities.admin.reissue import ReissueRequest, answer_reissue
from identities.admin.relative_times import time_column
from identities.admin.visible_rows import StudyFilter, VisibleRowsMixin
from identities.device_setup import Command, make_certificate, register
from identities.models import Identity, PreSharedKey, PreSharedKeyQuerySet
from identities.studies import STUDY_INACTIVE, find_closed
from identities.visibility import Scope, scope_of

# More identities than these are chosen by autocomplete.
MAX_IDENTITY_OPTIONS = 1000
STATES = ("usable", "exhausted", "expired", "revoked")


class StateFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state, state.capitalize()) for state in STATES]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[PreSharedKey]
    ) -> QuerySet[PreSharedKey]:
        state = self.value()
        if not isinstance(queryset, PreSharedKeyQuerySet) or state not in STATES:
            return queryset
        return queryset.in_state(state)


class NewKeyForm(NewSecretForm):
    def clean_identity(self) -> Identity:
        """Reject an identity whose studies are all inactive."""
        identity: Identity = self.cleaned_data["identity"]
        if find_closed([identity.pk]):
            raise ValidationError(STUDY_INACTIVE)
        return identity


@admin.register(PreSharedKey)
class PreSharedKeyAdmin(VisibleRowsMixin, OneTimeSecretAdmin, LargeListAdmin):
    """Keys: an addition returns the credential card, later pages have the hint only."""

    add_form = NewKeyForm
    change_list_template = "admin/identities/presharedkey/change_list.html"
    change_form_template = "admin/identities/presharedkey/change_form.html"
    card_template = "admin/identities/presharedkey/issued.html"
    actions = ("reissue_selected", "revoke_selected")
    listed_lookups = ("identity__id__exact",)
    own_pages = {"reissue": "<path:object_id>/reissue/"}
    list_select_related = ("identity",)
    search_fields = ("identity__name", "note", "hint")
    search_help_text = gettext_lazy(
        "Identity, note or the first characters of a key. Never a whole key."
    )
    sort_keys: ClassVar[dict[str, Any]] = {
        "expires": F("expires_at"),
        "created": F("created_at"),
    }
    expires = time_column("expires_at", gettext_lazy("expires"))
    created = time_column("created_at", gettext_lazy("created"))
    add_fields = ("identity", "note", "max_uses", "expires_at")
    revoke_consequence = gettext_lazy(
        "No further device can register with it. Devices that have registered stay registered: "
        "suspend or revoke their certificates on the certificates' own pages."
    )

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        shared = ("hint", "identity", "state_shown", "uses_shown", *key_pages.columns)
        return (*shared, "expires", "note", "created")

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [StateFilter, StudyFilter, *key_pages.filters]

    def get_change_fields(self, request: HttpRequest) -> tuple[Any, ...]:
        return (
            "identity",
            "hint",
            "state_shown",
            "uses_shown",
            *key_pages.columns,
            "note",
            "expires_at",
            "created_by",
            "created_at",
            "revoked_at",
            "issued_with",
        )

    def get_autocomplete_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Return the identity only if a list of all would be too long.

        The browser's own list needs no script and works with every screen reader.
        """
        choices = scope_of(request.user, "identities.add_presharedkey").identities()
        is_long = choices.order_by()[: MAX_IDENTITY_OPTIONS + 1].count() > MAX_IDENTITY_OPTIONS
        return ("identity",) if is_long else ()

    def make_search(self, field: str, term: str, scope: Scope) -> Q:
        if field == "hint":
            return Q(hint__startswith=term)
        return super().make_search(field, term, scope)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: keys are evidence of which devices were admitted."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[PreSharedKey]:
        return key_pages.annotate(super().get_queryset(request))

    def assign_creator(self, request: HttpRequest, obj: PreSharedKey) -> None:
        obj.created_by_id = request.user.pk

    def make_commands(self, obj: PreSharedKey, *, own_ca: bool) -> list[Command]:
        return [make_certificate(obj.identity.name), register(registration_url(), own_ca=own_ca)]

    def make_card_context(self, request: HttpRequest, obj: PreSharedKey) -> dict[str, Any]:
        return {
            "title": _("Pre-shared key for %(identity)s") % {"identity": obj.identity},
            "qr_code": draw_qr_code(obj.secret),
            "panels": key_pages.panels_for(request, obj),
        }

    @admin.display(description=gettext_lazy("uses"))
    def uses_shown(self, obj: PreSharedKey) -> SafeString:
        text = f"{obj.uses} of {obj.max_uses}"
        if not obj.uses or key_pages.uses_url is None:
            return format_html("{}", text)
        return format_html('<a href="{}">{}</a>', key_pages.uses_url(obj), text)

    @admin.display(description=gettext_lazy("issued with"))
    def issued_with(self, obj: PreSharedKey) -> SafeString:
        """Return links to the enrolment, to the key it replaces and to its replacement."""
        replaced_by = PreSharedKey.objects.filter(replaces=obj).first()
        # Its replacement and the key that it replaces have the same identity.
        rows = [
            ("", "enrolment", obj.enrolment),
            (_("replaces "), "presharedkey", obj.replaces),
            (_("replaced by "), "presharedkey", replaced_by),
        ]
        links = (
            (words, reverse(f"admin:identities_{model}_change", args=(row.pk,)), row)
            for words, model, row in rows
            if row is not None
        )
        return format_html_join(", ", '{}<a href="{}">{}</a>', links) or SafeString("-")

    def revoke_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Refuse users who may revoke no key before one is looked up."""
        if not self.has_revoke_permission(request):
            raise PermissionDenied
        return super().revoke_view(request, object_id)

    def has_reissue_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may create keys that replace others, which are revoked."""
        return self.has_add_permission(request) and self.has_change_permission(request)

    def _reissuable(
        self, request: HttpRequest, keys: QuerySet[PreSharedKey]
    ) -> QuerySet[PreSharedKey]:
        may_change = self.rows_for(request, "identities.change_presharedkey", keys)
        return self.rows_for(request, "identities.add_presharedkey", may_change)

    def reissue_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Have the re-issue confirmed; on POST return the sheet with the replacement."""
        if not self.has_reissue_permission(request):
            raise PermissionDenied
        key = self.get_object(request, unquote(object_id))
        if key is None or not self._reissuable(request, PreSharedKey.objects.filter(pk=key.pk)):
            raise Http404
        back = row_url(self, key)
        reissue_request = ReissueRequest(
            PreSharedKey.objects.filter(pk=key.pk), back, key.enrolment
        )
        page = answer_reissue(request, self, reissue_request)
        if page is None:
            text = _("This key has been replaced before.")
            self.message_user(request, text, messages.WARNING)
        return page or HttpResponseRedirect(back)

    @admin.action(
        description=gettext_lazy("Re-issue selected %(verbose_name_plural)s"),
        permissions=["reissue"],
    )
    def reissue_selected(
        self, request: HttpRequest, queryset: QuerySet[PreSharedKey]
    ) -> HttpResponse | None:
        """Have the re-issue confirmed, then return the sheet of the replacements."""
        if queryset.count() > MAX_KEYS:
            text = _("At most %(count)s keys at once: choose fewer.") % {"count": MAX_KEYS}
            self.message_user(request, text, messages.ERROR)
            return None
        selected = queryset.values_list("pk", flat=True)
        hidden = [("action", "reissue_selected"), *((ACTION_CHECKBOX_NAME, pk) for pk in selected)]
        back = reverse("admin:identities_presharedkey_changelist")
        keys = self._reissuable(request, PreSharedKey.objects.filter(pk__in=[*selected]))
        page = answer_reissue(request, self, ReissueRequest(keys, back, hidden=hidden))
        if page is None:
            text = _("These keys have been replaced before: re-issue their replacements.")
            self.message_user(request, text, messages.WARNING)
        return page

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(download_ca_certificate)
        return [
            path("server-ca/", page, name="identities_presharedkey_server_ca"),
            *super().get_urls(),
        ]
