"""Suspend, revoke and reactivate certificates in the admin, and show the successors of each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from identities.admin.confirmation import Confirmation
from identities.admin.visible_rows import viewer_scope
from identities.visibility import Scope, scope_of
from ingest.admin.certificate_reassignment import ReassignableAdmin
from ingest.models import DeviceCertificate

State = DeviceCertificate.State
MAX_LINKS = 10
_PAGE = "admin:ingest_devicecertificate_"


class CertificateStatesAdmin(ReassignableAdmin):
    """Actions that change the state; whoever loses trust may have a successor that keeps it."""

    own_pages = {"successors": "<int:pk>/successors/"}

    @admin.action(description=_("Suspend: refuse until reactivated"), permissions=["change"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[DeviceCertificate]) -> None:
        """Refuse the active ones of ``queryset`` until they are reactivated."""
        self._set_state(request, queryset.filter(state=State.ACTIVE), State.SUSPENDED)

    @admin.action(description=_("Revoke: refuse from now on"), permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[DeviceCertificate]) -> None:
        """Refuse ``queryset`` for good; registering again does not reactivate a certificate."""
        self._set_state(request, queryset.exclude(state=State.REVOKED), State.REVOKED)

    @admin.action(description=_("Reactivate: accept again"), permissions=["change"])
    def reactivate(self, request: HttpRequest, queryset: QuerySet[DeviceCertificate]) -> None:
        self._set_state(request, queryset.exclude(state=State.ACTIVE), State.ACTIVE)

    def _set_state(
        self, request: HttpRequest, rows: QuerySet[DeviceCertificate], state: State
    ) -> None:
        changed = list(self.rows_for(request, "ingest.change_devicecertificate", rows))
        for certificate in changed:
            certificate.state = state
            certificate.state_reason = ""
            certificate.save(update_fields=["state", "state_reason"])
            self.log_change(request, certificate, f"State set to {state.label.lower()}.")
        count = len(changed)
        message = ngettext(
            "%(count)d certificate is now %(state)s.",
            "%(count)d certificates are now %(state)s.",
            count,
        ) % {"count": count, "state": state.label.lower()}
        self.message_user(request, message, messages.SUCCESS)
        self._offer_successors(request, changed)

    def save_model(
        self, request: HttpRequest, obj: DeviceCertificate, form: Any, change: bool
    ) -> None:
        """Save what the form changed; the rest of the row may have changed since."""
        obj.save(update_fields=form.changed_data)
        if "state" in form.changed_data:
            self._offer_successors(request, [obj])

    def _offer_successors(
        self, request: HttpRequest, certificates: Sequence[DeviceCertificate]
    ) -> None:
        refused = [each for each in certificates if each.state != State.ACTIVE]
        find_successors = DeviceCertificate.objects.find_successors
        if not find_successors([each.pk for each in refused]):
            return
        # Each by itself: a revoked one may stand between it and the one that still works.
        found = (each for each in refused if find_successors([each.pk]))
        roots = list(islice(found, MAX_LINKS))
        if roots:
            links = [(reverse(f"{_PAGE}successors", args=[each.pk]), str(each)) for each in roots]
            text = gettext("The device has renewed, and its newer certificate still works. See:")
            shown = format_html_join(" ", '<a href="{}">{}</a>', links)
            self.message_user(request, format_html("{} {}", text, shown), messages.WARNING)

    def successors_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """List the certificate's successors; on POST revoke them."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        every = DeviceCertificate.objects.select_related("identity").filter(pk=pk)
        certificate = self.rows_for(request, "ingest.change_devicecertificate", every).first()
        if certificate is None:
            raise Http404
        back = reverse(f"{_PAGE}change", args=[pk])
        scope = scope_of(request.user, "ingest.change_devicecertificate")
        successors = _find_successors(certificate, scope)
        if request.method == "POST":
            rows = DeviceCertificate.objects.filter(pk__in=[each.pk for each in successors])
            self._set_state(request, rows, State.REVOKED)
            return HttpResponseRedirect(back)
        return Confirmation(
            title=gettext("Revoke the successors of %(certificate)s")
            % {"certificate": certificate},
            submit=gettext("Revoke") if successors else "",
            back=back,
            template="admin/ingest/devicecertificate/successors.html",
            context={"original": certificate, "successors": successors},
        ).render(request, self)

    @admin.display(description=_("successors"))
    def successors_shown(self, certificate: DeviceCertificate) -> SafeString | str:
        found = _find_successors(certificate, viewer_scope(certificate))
        if not found:
            return gettext("none")
        links = [
            (reverse(f"{_PAGE}change", args=[each.pk]), str(each), each.get_state_display())
            for each in found
        ]
        page = reverse(f"{_PAGE}successors", args=[certificate.pk])
        offer = format_html('<p><a href="{}">{}</a></p>', page, gettext("Revoke them…"))
        return format_html_join("", '<p><a href="{}">{}</a> ({})</p>', links) + offer


def _find_successors(certificate: DeviceCertificate, scope: Scope) -> list[DeviceCertificate]:
    found = DeviceCertificate.objects.find_successors([certificate.pk])
    return [each for each in found if scope.has(each.identity_id)]
