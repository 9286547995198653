"""Withdraw a measurement file in the admin, with a reason."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from identities.admin.confirmation import RowAction, confirm_and_apply
from ingest.admin.read_only import EvidenceAdmin
from ingest.maintenance.rebuild import DamagedOriginals
from ingest.maintenance.withdrawal import MAX_REASON_LENGTH, NotWithdrawable, withdraw
from ingest.models import Measurement, Withdrawal

PERMISSION = "ingest.withdraw_measurement"


class ReasonForm(forms.Form):
    reason = forms.CharField(max_length=MAX_REASON_LENGTH, help_text=_("Stored with the file."))


ACTION = RowAction(
    permission=PERMISSION,
    verb=_("Withdraw"),
    template="admin/ingest/measurement/withdraw.html",
    form=ReasonForm,
    refusals=(NotWithdrawable, DamagedOriginals),
)


class WithdrawableAdmin(EvidenceAdmin[Measurement]):
    """Pages of files with a withdrawal for users with the permission; no group has it at first."""

    change_form_template = "admin/ingest/measurement/withdrawable_change_form.html"

    own_pages = {"withdraw": "<uuid:pk>/withdraw/"}

    def withdraw_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Show the form for the reason; on POST withdraw the file."""

        def act(measurement: Measurement, data: dict[str, Any]) -> str:
            by = request.user.get_username()
            done = withdraw(measurement, by=by, reason=data["reason"])
            return ngettext(
                "Withdrawn; %d hour rebuilt.", "Withdrawn; %d hours rebuilt.", done.hours
            ) % (done.hours)

        every = Measurement.objects.defer("content").filter(pk=pk)
        rows = self.rows_for(request, PERMISSION, every)
        return confirm_and_apply(self, request, ACTION, rows, act)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the button to users with the permission if the file is stored."""
        row = context["original"]
        is_stored = row.status == Measurement.Status.STORED
        context["may_withdraw"] = is_stored and self.may(request, PERMISSION, row)
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description=_("withdrawn"))
    def withdrawal_shown(self, measurement: Measurement) -> str:
        withdrawal = Withdrawal.objects.filter(measurement_id=measurement.pk).first()
        if withdrawal is None:
            return gettext("no")
        created_at = f"{withdrawal.created_at:%Y-%m-%dT%H:%M:%SZ}"
        return f"{created_at} by {withdrawal.created_by}: {withdrawal.reason}"
