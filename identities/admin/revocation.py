"""Revoking in the admin: a button on the page and an action on the list, both confirmed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import pluralize
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from identities.models import OneTimeSecret

if TYPE_CHECKING:
    SecretAdmin = admin.ModelAdmin[Any]
else:
    SecretAdmin = admin.ModelAdmin


# What one confirmation names: Django takes at most a thousand fields of a form.
MAX_AT_ONCE = 500


def revoke_each(
    request: HttpRequest, model_admin: admin.ModelAdmin[Any], rows: Iterable[Any]
) -> int:
    """Revoke those of ``rows`` that are not, all or none; return how many that were.

    Each is noted in its own history, and so in the trail.
    """
    revoked = 0
    with transaction.atomic():
        for row in rows:
            if type(row).objects.filter(pk=row.pk).revoke():
                model_admin.log_change(request, row, "Revoked.")
                revoked += 1
    return revoked


class RevocableAdmin(SecretAdmin):
    """Pages of rows that can be revoked and never come back."""

    actions: tuple[str, ...] = ("revoke_selected",)
    change_form_template = "admin/identities/revocable_change_form.html"
    revoke_consequence = ""

    def has_revoke_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the user may revoke ``obj``, or any."""
        return self.has_change_permission(request, obj)

    def get_urls(self) -> list[URLPattern]:
        """Return the pages of a model and the one that revokes a row."""
        page = path(
            "<path:object_id>/revoke/",
            self.admin_site.admin_view(self.revoke_view),
            name=f"{self.opts.app_label}_{self.opts.model_name}_revoke",
        )
        return [page, *super().get_urls()]

    def revoke_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, and on POST revoke the row and go back to its page."""
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        if not self.has_revoke_permission(request, row):
            raise PermissionDenied
        if request.method != "POST":
            return self._ask(request, [row])
        self._revoke(request, [row])
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        return HttpResponseRedirect(reverse(name, args=(row.pk,)))

    @admin.action(description="Revoke selected %(verbose_name_plural)s", permissions=["revoke"])
    def revoke_selected(
        self, request: HttpRequest, queryset: QuerySet[OneTimeSecret]
    ) -> HttpResponse | None:
        """Ask, and once confirmed revoke the selected rows."""
        if queryset.count() > MAX_AT_ONCE:
            text = f"At most {MAX_AT_ONCE} at once: choose fewer."
            self.message_user(request, text, messages.ERROR)
            return None
        rows = [row for row in queryset if self.has_revoke_permission(request, row)]
        if "confirmed" not in request.POST:
            return self._ask(request, rows, action="revoke_selected")
        self._revoke(request, rows)
        return None

    def _ask(
        self, request: HttpRequest, rows: list[OneTimeSecret], action: str = ""
    ) -> HttpResponse:
        plural = self.opts.verbose_name if len(rows) == 1 else self.opts.verbose_name_plural
        context = self.admin_site.each_context(request) | {
            "title": f"Revoke {len(rows)} {plural}" if len(rows) != 1 else f"Revoke {plural}",
            "opts": self.opts,
            "rows": rows,
            "action": action,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
            "consequence": self.revoke_consequence,
        }
        return TemplateResponse(request, "admin/identities/revoke_confirmation.html", context)

    def _revoke(self, request: HttpRequest, rows: Iterable[OneTimeSecret]) -> None:
        revoked = revoke_each(request, self, rows)
        if revoked:
            text = f"{revoked} {self.opts.verbose_name}{pluralize(revoked)} revoked."
            self.message_user(request, text, messages.SUCCESS)
        else:
            self.message_user(request, "Nothing was left to revoke.", messages.WARNING)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the row's page, with the button for those who may revoke it while it lives."""
        row = self.get_object(request, unquote(object_id))
        may = row is not None and self.has_revoke_permission(request, row)
        extra = {
            "may_revoke": may and row is not None and row.revoked_at is None,
            "show_save_and_add_another": False,
            "show_save_and_continue": False,
        }
        return super().change_view(request, object_id, form_url, (extra_context or {}) | extra)
