"""Re-issuing in the admin: asked once, then the sheet of the new keys; the old ones are revoked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib.admin.options import ModelAdmin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from identities.admin.bulk_enrolment_forms import MAX_KEYS, ReissueForm
from identities.admin.credential_sheet import note_additions, show_sheet
from identities.enrolment.models import Enrolment
from identities.enrolment.reissue import reissue, uses_of_replacement
from identities.models import PreSharedKey

TOO_MANY = f"At most {MAX_KEYS} keys at once: choose fewer."


@dataclass(frozen=True)
class Asked:
    """Which keys to re-issue, and how the page that asks comes back to where it was."""

    keys: QuerySet[PreSharedKey]
    back: str
    enrolment: Enrolment | None = None
    hidden: Sequence[tuple[str, Any]] = field(default=())


def answer_reissue(
    request: HttpRequest, model_admin: ModelAdmin[Any], asked: Asked
) -> HttpResponse | None:
    """Return the page that asks, or once confirmed the sheet; None where no key is left."""
    confirmed = request.method == "POST" and "confirmed" in request.POST
    form = ReissueForm(request.POST) if confirmed else ReissueForm()
    if not asked.keys.filter(replaced_by=None).exists():
        return None
    if not confirmed or not form.is_valid():
        return _ask(request, model_admin, asked, form)
    return _sheet(request, model_admin, asked, form.span())


def _ask(
    request: HttpRequest, model_admin: ModelAdmin[Any], asked: Asked, form: ReissueForm
) -> HttpResponse:
    keys = list(asked.keys.filter(replaced_by=None).select_related("identity").order_by("pk"))
    plural = "key" if len(keys) == 1 else f"{len(keys)} keys"
    context = model_admin.admin_site.each_context(request) | {
        "title": f"Re-issue {plural}",
        "opts": model_admin.opts,
        "asked": asked,
        "rows": [(key, uses_of_replacement(key)) for key in keys],
        "form": form,
    }
    return TemplateResponse(request, "admin/identities/reissue_confirmation.html", context)


def _sheet(
    request: HttpRequest, model_admin: ModelAdmin[Any], asked: Asked, valid_for: timedelta
) -> HttpResponse | None:
    with transaction.atomic():
        maker = request.user if request.user.is_authenticated else None
        done = reissue(asked.keys, valid_for=valid_for, created_by=maker)
        if not done:
            return None
        note_additions(request, [one.key for one in done])
        for one in done:
            if one.old.revoked_at is None:
                model_admin.log_change(request, one.old, f"Revoked: replaced by {one.key.hint}")
            else:
                model_admin.log_change(request, one.old, f"Replaced by {one.key.hint}")
        if asked.enrolment is not None:
            model_admin.log_change(request, asked.enrolment, f"Re-issued {len(done)} keys.")
        issued = [(one.key, one.secret) for one in done]
        return show_sheet(request, model_admin, issued, enrolment=asked.enrolment)
