"""Withdrawing an upload in the admin: a button on the file's page, a reason, a confirmation."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from identities.admin.confirmation import RowAction, confirm_and_apply
from ingest.admin.read_only import EvidenceAdmin
from ingest.maintenance.rebuild import DamagedOriginals
from ingest.maintenance.withdrawal import MAX_REASON, NotWithdrawable, withdraw
from ingest.models import Measurement, Withdrawal

PERMISSION = "ingest.withdraw_measurement"


class ReasonForm(forms.Form):
    """Why an upload was a mistake."""

    reason = forms.CharField(
        max_length=MAX_REASON, help_text="Kept with the file, for whoever asks later."
    )


ACTION = RowAction(
    permission=PERMISSION,
    verb="Withdraw",
    template="admin/ingest/measurement/withdraw.html",
    form=ReasonForm,
    refusals=(NotWithdrawable, DamagedOriginals),
)


class WithdrawableAdmin(EvidenceAdmin[Measurement]):
    """Pages of files that those with the permission can withdraw: no group has it unasked."""

    change_form_template = "admin/ingest/measurement/withdrawable_change_form.html"

    def get_urls(self) -> list[URLPattern]:
        """Return the usual pages and the one that withdraws."""
        page = self.admin_site.admin_view(self.withdraw_view)
        return [
            path("<uuid:pk>/withdraw/", page, name="ingest_measurement_withdraw"),
            *super().get_urls(),
        ]

    def withdraw_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Ask for the reason, and on POST withdraw the file and go back to its page."""

        def act(measurement: Measurement, given: dict[str, Any]) -> str:
            by = request.user.get_username()
            done = withdraw(measurement, by=by, reason=given["reason"])
            return f"Withdrawn; {done.hours} hours of {measurement.name} were made anew."

        rows = Measurement.objects.defer("content").filter(pk=pk)
        return confirm_and_apply(self, request, ACTION, rows, act)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the file's page, with the button for those who may withdraw it while it counts."""
        row = self.get_object(request, object_id)
        is_stored = row is not None and row.status == Measurement.Status.STORED
        extra = {"may_withdraw": is_stored and request.user.has_perm(PERMISSION)}
        return super().change_view(request, object_id, form_url, (extra_context or {}) | extra)

    @admin.display(description="withdrawn")
    def withdrawal_shown(self, measurement: Measurement) -> str:
        """Return who withdrew the file, when and why."""
        found = Withdrawal.objects.filter(measurement_id=measurement.pk).first()
        return (
            "no"
            if found is None
            else f"{found.created_at:%Y-%m-%dT%H:%M:%SZ} by {found.created_by}: {found.reason}"
        )
