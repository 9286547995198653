"""Withdrawing an upload in the admin: a button on the file's page, a reason, a confirmation."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from ingest.admin.evidence import EvidenceAdmin
from ingest.keeping.rebuilding import DamagedOriginals
from ingest.keeping.withdrawal import LONGEST_REASON, NotWithdrawable, withdraw
from ingest.models import Measurement, Withdrawal

PERMISSION = "ingest.withdraw_measurement"


class ReasonForm(forms.Form):
    """Why an upload was a mistake."""

    reason = forms.CharField(
        max_length=LONGEST_REASON, help_text="Kept with the file, for whoever asks later."
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
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied
        measurement = Measurement.objects.defer("content").filter(pk=pk).first()
        if measurement is None:
            raise Http404
        form = ReasonForm(request.POST or None)
        if request.method != "POST" or not form.is_valid():
            context = self.admin_site.each_context(request) | {
                "title": "Withdraw measurement",
                "opts": self.opts,
                "measurement": measurement,
                "form": form,
            }
            return TemplateResponse(request, "admin/ingest/measurement/withdraw.html", context)
        self._withdraw(request, measurement, form.cleaned_data["reason"])
        return HttpResponseRedirect(reverse("admin:ingest_measurement_change", args=[pk]))

    def _withdraw(self, request: HttpRequest, measurement: Measurement, reason: str) -> None:
        try:
            done = withdraw(measurement, by=request.user.get_username(), reason=reason)
        except (NotWithdrawable, DamagedOriginals) as error:
            self.message_user(request, f"Nothing was changed: {error}", messages.ERROR)
            return
        text = f"Withdrawn; {done.hours} hours of {measurement.name} were made anew."
        self.message_user(request, text, messages.SUCCESS)

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
            else f"{found.at:%Y-%m-%dT%H:%M:%SZ} by {found.by}: {found.reason}"
        )
