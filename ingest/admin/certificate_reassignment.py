"""Moving a certificate to another identity in the admin: a button, a name, a reason."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from identities.admin.confirmation import RowAction, confirm_and_apply
from identities.models import Identity
from ingest.admin.read_only import ModelAdmin
from ingest.certificate_reassignment import NotMovable, reassign
from ingest.models import DeviceCertificate

PERMISSION = "ingest.reassign_devicecertificate"


class MoveForm(forms.Form):
    """To whom, and why."""

    identity = forms.CharField(max_length=64, help_text="The name of the identity to give it to.")
    reason = forms.CharField(
        max_length=200, help_text="Kept with the move, for whoever asks later."
    )

    def clean_identity(self) -> Identity:
        """Return the identity of that name, in any case."""
        try:
            return Identity.objects.named(self.cleaned_data["identity"].strip())
        except Identity.DoesNotExist as error:
            raise forms.ValidationError("There is no identity of this name.") from error


ACTION = RowAction(
    permission=PERMISSION,
    verb="Move",
    template="admin/ingest/devicecertificate/reassign.html",
    form=MoveForm,
    refusals=(NotMovable,),
)


class MovableAdmin(ModelAdmin[DeviceCertificate]):
    """Pages of certificates that superusers, and whom they trust with it, can move."""

    change_form_template = "admin/ingest/devicecertificate/reassignable_change_form.html"

    def get_urls(self) -> list[URLPattern]:
        """Return the usual pages and the one that moves."""
        page = self.admin_site.admin_view(self.move_view)
        return [
            path("<int:pk>/move/", page, name="ingest_devicecertificate_move"),
            *super().get_urls(),
        ]

    def move_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask to whom and why, and on POST move the certificate and go back to its page."""

        def act(certificate: DeviceCertificate, given: dict[str, Any]) -> str:
            before, to = certificate.identity.name, given["identity"]
            reassign(certificate, to, by=request.user.get_username(), reason=given["reason"])
            self.log_change(request, certificate, f"Moved from {before} to {to.name}.")
            return f"Moved from {before} to {to.name}, from its next request on."

        rows = DeviceCertificate.objects.select_related("identity").filter(pk=pk)
        return confirm_and_apply(self, request, ACTION, rows, act)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the certificate's page, with the button for those who may move it."""
        extra = {"may_move": request.user.has_perm(PERMISSION)}
        return super().change_view(request, object_id, form_url, (extra_context or {}) | extra)

    @admin.display(description="moved")
    def moves_shown(self, certificate: DeviceCertificate) -> SafeString | str:
        """Return who moved it when, from where to where, and why."""
        moves = certificate.reassignments.select_related("moved_from", "moved_to")
        lines = ((str(each), each.created_by, each.reason) for each in moves)
        return format_html_join("", "<p>{} by {}: {}</p>", lines) or "never"
