"""Reassign a certificate to another identity in the admin, with a reason."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from identities.admin.confirmation import RowAction, confirm_and_apply
from identities.admin.visible_rows import VisibleRowsMixin, viewer_scope
from identities.audit import recorder
from identities.models import Identity
from identities.visibility import Scope, scope_of
from ingest.admin.read_only import ModelAdmin
from ingest.certificate_reassignment import NotReassignable, reassign
from ingest.models import CertificateReassignment, DeviceCertificate

PERMISSION = "ingest.reassign_devicecertificate"
MAX_SUGGESTIONS = 500


class ReassignForm(forms.Form):
    identity = forms.CharField(
        max_length=64,
        help_text=_("The name of the new identity."),
        widget=forms.TextInput(attrs={"list": "identities", "autocomplete": "off"}),
    )
    reason = forms.CharField(max_length=200, help_text=_("Stored with the reassignment."))


ACTION = RowAction(
    permission=PERMISSION,
    verb=_("Reassign"),
    template="admin/ingest/devicecertificate/reassign.html",
    form=ReassignForm,
    refusals=(NotReassignable,),
)


class ReassignableAdmin(VisibleRowsMixin, ModelAdmin[DeviceCertificate]):
    """Pages of certificates with a reassignment for users with the permission on both sides."""

    change_form_template = "admin/ingest/devicecertificate/reassignable_change_form.html"

    own_pages = {"reassign": "<int:pk>/reassign/"}

    def reassign_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the confirmation form; on POST reassign the certificate."""

        def act(certificate: DeviceCertificate, data: dict[str, Any]) -> str:
            previous = certificate.identity
            to = _find_identity(data["identity"], scope_of(request.user, PERMISSION))
            reassign(certificate, to, by=request.user.get_username(), reason=data["reason"])
            # The history is shown to users who may see only one of the two.
            self.log_change(request, certificate, "Reassigned.")
            recorder.record(
                recorder.Action.COMMENT,
                certificate,
                changes={"identity": [previous.name, to.name], "reason": ["", data["reason"]]},
                identity_ids={previous.pk, to.pk},
            )
            return gettext(
                "Reassigned from %(previous)s to %(identity)s from its next request on."
            ) % {
                "previous": previous.name,
                "identity": to.name,
            }

        every = DeviceCertificate.objects.select_related("identity").filter(pk=pk)
        rows = self.rows_for(request, PERMISSION, every)
        scope = scope_of(request.user, PERMISSION)
        return confirm_and_apply(self, request, ACTION, rows, act, suggestions=_suggest(scope))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the button to users with the permission."""
        context["may_reassign"] = self.may(request, PERMISSION, context["original"])
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description=_("reassignments"))
    def reassignments_shown(self, certificate: DeviceCertificate) -> SafeString | str:
        rows = certificate.reassignments.select_related("from_identity", "to_identity")
        scope = viewer_scope(certificate)
        lines = (
            (_describe(row, scope), row.created_by, row.reason if _is_visible(row, scope) else "")
            for row in rows
        )
        return format_html_join("", "<p>{} by {}: {}</p>", lines) or gettext("none")


def _suggest(scope: Scope) -> list[str]:
    """Return the first names that the user may reassign to, for the list below the field."""
    identities = scope.identities().filter(is_active=True).order_by(Lower("name"))
    return list(identities.values_list("name", flat=True)[:MAX_SUGGESTIONS])


def _find_identity(name: str, scope: Scope) -> Identity:
    try:
        identity = Identity.objects.named(name.strip())
    except Identity.DoesNotExist:
        identity = None
    if identity is None or not scope.has(identity.pk):
        raise NotReassignable(gettext("There is no identity of this name."))
    return identity


def _is_visible(row: CertificateReassignment, scope: Scope) -> bool:
    return scope.has(row.from_identity_id) and scope.has(row.to_identity_id)


def _describe(row: CertificateReassignment, scope: Scope) -> str:
    """Return the text of ``row`` without the names of identities outside ``scope``."""
    if _is_visible(row, scope):
        return str(row)
    sides = ((row.from_identity_id, row.from_identity), (row.to_identity_id, row.to_identity))
    names = [str(side) if scope.has(pk) else gettext("another identity") for pk, side in sides]
    return f"{row.created_at:%Y-%m-%d %H:%M:%S} from {names[0]} to {names[1]}"
