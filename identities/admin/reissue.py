"""Re-issue keys in the admin: confirmed, then the credential sheet of the new keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.admin.options import ModelAdmin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import ngettext

from identities.admin.bulk_enrolment_forms import ReissueForm
from identities.admin.confirmation import Confirmation
from identities.admin.credentials import log_additions, render_credential_sheet
from identities.enrolment.issuing import count_replacement_uses, reissue
from identities.models import Enrolment, PreSharedKey
from identities.studies import STUDY_INACTIVE, find_closed


@dataclass(frozen=True)
class ReissueRequest:
    """The keys to re-issue; ``back`` and ``hidden`` are those of the confirmation page."""

    keys: QuerySet[PreSharedKey]
    back: str
    enrolment: Enrolment | None = None
    hidden: Sequence[tuple[str, Any]] = ()


def answer_reissue(
    request: HttpRequest, model_admin: ModelAdmin[Any], reissue_request: ReissueRequest
) -> HttpResponse | None:
    """Return the confirmation page, or the sheet once confirmed; None if no key is left."""
    confirmed = request.method == "POST" and "confirmed" in request.POST
    form = ReissueForm(request.POST) if confirmed else ReissueForm()
    if not reissue_request.keys.filter(replaced_by=None).exists():
        return None
    identity_ids = reissue_request.keys.order_by().values_list("identity_id", flat=True)
    if find_closed({*identity_ids}):
        model_admin.message_user(request, STUDY_INACTIVE, messages.ERROR)
        return HttpResponseRedirect(reissue_request.back)
    if not confirmed or not form.is_valid():
        return _confirm(request, model_admin, reissue_request, form)
    return _reissue(request, model_admin, reissue_request, form.duration())


def _confirm(
    request: HttpRequest,
    model_admin: ModelAdmin[Any],
    reissue_request: ReissueRequest,
    form: ReissueForm,
) -> HttpResponse:
    keys = reissue_request.keys.filter(replaced_by=None).select_related("identity").order_by("pk")
    rows = [(key, count_replacement_uses(key)) for key in keys]
    count = {"count": len(rows)}
    return Confirmation(
        title=ngettext("Re-issue key", "Re-issue %(count)s keys", len(rows)) % count,
        submit=ngettext(
            "Re-issue %(count)s key and show the cards",
            "Re-issue %(count)s keys and show the cards",
            len(rows),
        )
        % count,
        back=reissue_request.back,
        template="admin/identities/reissue_confirmation.html",
        form=form,
        hidden=[*reissue_request.hidden, ("confirmed", "yes")],
        context={"rows": rows},
    ).render(request, model_admin)


def _reissue(
    request: HttpRequest,
    model_admin: ModelAdmin[Any],
    reissue_request: ReissueRequest,
    valid_for: timedelta,
) -> HttpResponse | None:
    enrolment = reissue_request.enrolment
    with transaction.atomic():
        user = request.user if request.user.is_authenticated else None
        replacements = reissue(reissue_request.keys, valid_for=valid_for, created_by=user)
        if not replacements:
            return None
        log_additions(request, [replacement.key for replacement in replacements])
        for replacement in replacements:
            was_live = replacement.old.revoked_at is None
            verb = "Revoked: replaced by" if was_live else "Replaced by"
            model_admin.log_change(request, replacement.old, f"{verb} {replacement.key.hint}")
        if enrolment is not None:
            model_admin.log_change(request, enrolment, f"Re-issued {len(replacements)} keys.")
        issued = [(replacement.key, replacement.secret) for replacement in replacements]
        return render_credential_sheet(request, model_admin, issued, enrolment=enrolment)
