"""Revoke credentials in the admin: a button on the page and an action on the list."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import pluralize
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from identities.admin.checked_requests import CheckedAdmin
from identities.admin.confirmation import Confirmation, row_url
from identities.one_time_secrets import OneTimeSecret

# Django accepts at most a thousand form fields.
MAX_ROWS_PER_ACTION = 500


def revoke_rows(
    request: HttpRequest, model_admin: admin.ModelAdmin[Any], rows: Iterable[Any]
) -> int:
    """Revoke those of ``rows`` that are not revoked, all or none; return their number.

    Each revocation is written into the row's history, and so into the audit log.
    """
    revoked = 0
    with transaction.atomic():
        for row in rows:
            if type(row).objects.filter(pk=row.pk).revoke():
                model_admin.log_change(request, row, "Revoked.")
                revoked += 1
    return revoked


class RevocableAdmin(CheckedAdmin):
    """Pages of rows that can be revoked for good."""

    actions: tuple[str, ...] = ("revoke_selected",)
    change_form_template = "admin/identities/revocable_change_form.html"
    revoke_consequence: Any = ""
    own_pages = {"revoke": "<path:object_id>/revoke/"}

    def has_revoke_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def revoke_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Have the revocation confirmed; on POST revoke the row and show its page."""
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        if not self.has_revoke_permission(request, row):
            raise PermissionDenied
        if request.method != "POST":
            return self._confirm(request, [row])
        self._revoke(request, [row])
        return HttpResponseRedirect(row_url(self, row))

    @admin.action(
        description=gettext_lazy("Revoke selected %(verbose_name_plural)s"), permissions=["revoke"]
    )
    def revoke_selected(
        self, request: HttpRequest, queryset: QuerySet[OneTimeSecret]
    ) -> HttpResponse | None:
        """Have the revocation of the selected rows confirmed, then revoke them."""
        if queryset.count() > MAX_ROWS_PER_ACTION:
            text = _("At most %(count)s at once: choose fewer.") % {"count": MAX_ROWS_PER_ACTION}
            self.message_user(request, text, messages.ERROR)
            return None
        rows = [row for row in queryset if self.has_revoke_permission(request, row)]
        if "confirmed" not in request.POST:
            hidden = [(ACTION_CHECKBOX_NAME, row.pk) for row in rows]
            hidden += [("action", "revoke_selected"), ("confirmed", "yes")]
            return self._confirm(request, rows, hidden)
        self._revoke(request, rows)
        return None

    def _confirm(
        self,
        request: HttpRequest,
        rows: list[OneTimeSecret],
        hidden: Iterable[tuple[str, Any]] = (),
    ) -> HttpResponse:
        name = self.opts.verbose_name if len(rows) == 1 else self.opts.verbose_name_plural
        return Confirmation(
            title=f"Revoke {len(rows)} {name}" if len(rows) != 1 else f"Revoke {name}",
            submit=_("Revoke") if rows else "",
            back=reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"),
            template="admin/identities/revoke_confirmation.html",
            hidden=list(hidden),
            context={"rows": rows, "consequence": self.revoke_consequence},
        ).render(request, self)

    def _revoke(self, request: HttpRequest, rows: Iterable[OneTimeSecret]) -> None:
        revoked = revoke_rows(request, self, rows)
        if revoked:
            text = f"{revoked} {self.opts.verbose_name}{pluralize(revoked)} revoked."
            self.message_user(request, text, messages.SUCCESS)
        else:
            self.message_user(request, _("Nothing was left to revoke."), messages.WARNING)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the button to revoke an existing row to users who may."""
        row = context["original"]
        if row is not None:
            context |= {
                "may_revoke": row.revoked_at is None and self.has_revoke_permission(request, row),
                "show_save_and_add_another": False,
                "show_save_and_continue": False,
            }
        return super().render_change_form(request, context, *args, **kwargs)
