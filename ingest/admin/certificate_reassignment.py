"""Reassign a certificate to another identity in the admin, with a reason."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from identities.admin.confirmation import RowAction, confirm_and_apply
from identities.models import Identity
from ingest.admin.read_only import ModelAdmin
from ingest.certificate_reassignment import NotReassignable, reassign
from ingest.models import DeviceCertificate

PERMISSION = "ingest.reassign_devicecertificate"


class ReassignForm(forms.Form):
    identity = forms.CharField(max_length=64, help_text=_("The name of the new identity."))
    reason = forms.CharField(max_length=200, help_text=_("Stored with the reassignment."))

    def clean_identity(self) -> Identity:
        try:
            return Identity.objects.named(self.cleaned_data["identity"].strip())
        except Identity.DoesNotExist as error:
            raise forms.ValidationError(_("There is no identity of this name.")) from error


ACTION = RowAction(
    permission=PERMISSION,
    verb=_("Reassign"),
    template="admin/ingest/devicecertificate/reassign.html",
    form=ReassignForm,
    refusals=(NotReassignable,),
)


class ReassignableAdmin(ModelAdmin[DeviceCertificate]):
    """Pages of certificates with a reassignment for users with the permission."""

    change_form_template = "admin/ingest/devicecertificate/reassignable_change_form.html"

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.reassign_view)
        return [
            path("<int:pk>/reassign/", page, name="ingest_devicecertificate_reassign"),
            *super().get_urls(),
        ]

    def reassign_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the confirmation form; on POST reassign the certificate."""

        def act(certificate: DeviceCertificate, data: dict[str, Any]) -> str:
            previous, to = certificate.identity.name, data["identity"]
            reassign(certificate, to, by=request.user.get_username(), reason=data["reason"])
            self.log_change(request, certificate, f"Reassigned from {previous} to {to.name}.")
            return gettext(
                "Reassigned from %(previous)s to %(identity)s from its next request on."
            ) % {
                "previous": previous,
                "identity": to.name,
            }

        rows = DeviceCertificate.objects.select_related("identity").filter(pk=pk)
        return confirm_and_apply(self, request, ACTION, rows, act)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the certificate's page, with the button for users with the permission."""
        extra = {"may_reassign": request.user.has_perm(PERMISSION)}
        return super().change_view(request, object_id, form_url, (extra_context or {}) | extra)

    @admin.display(description=_("reassignments"))
    def reassignments_shown(self, certificate: DeviceCertificate) -> SafeString | str:
        rows = certificate.reassignments.select_related("from_identity", "to_identity")
        lines = ((str(row), row.created_by, row.reason) for row in rows)
        return format_html_join("", "<p>{} by {}: {}</p>", lines) or gettext("none")
