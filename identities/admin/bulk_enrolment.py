"""Bulk enrolment in the admin: upload, preview, confirmation, sheet, all POSTed to one URL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.admin.options import ModelAdmin
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from identities.admin.bulk_enrolment_forms import (
    MAX_KEYS,
    EnrolmentForm,
    InvalidProposal,
    Proposal,
    make_form,
    read_proposal,
)
from identities.admin.checked_requests import render_page
from identities.admin.credentials import log_additions, render_credential_sheet
from identities.enrolment import issuing
from identities.enrolment.csv_file import InvalidEnrolment, RowError
from identities.models import Enrolment
from identities.visibility import scope_of

ALLOW_CREATION = gettext_lazy("tick “Create missing identities”, or correct the name.")
REQUEST_CREATION = gettext_lazy("correct the name, or have the identity created first.")


def answer(request: HttpRequest, model_admin: ModelAdmin[Any]) -> HttpResponse:
    """Return the page of the requested step; the caller has checked the permission."""
    if request.method != "POST":
        return render_form(request, model_admin, EnrolmentForm(request))
    if "proposal" not in request.POST:
        form = EnrolmentForm(request, request.POST, request.FILES)
        if not form.is_valid():
            return render_form(request, model_admin, form)
        return _preview(request, model_admin, form.make_proposal())
    try:
        proposal = read_proposal(request.POST["proposal"], request)
    except InvalidProposal as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(reverse("admin:identities_enrolment_add"))
    if "edit" in request.POST:
        return render_form(request, model_admin, make_form(proposal, request))
    return _confirm(request, model_admin, proposal)


def render_form(
    request: HttpRequest,
    model_admin: ModelAdmin[Any],
    form: EnrolmentForm,
    errors: Sequence[RowError] = (),
) -> HttpResponse:
    """Return the upload page, with the row errors of the previous list."""
    context = {
        "title": _("Enrol many devices"),
        "opts": Enrolment._meta,
        "form": form,
        "row_errors": errors,
    }
    return render_page(model_admin, request, "admin/identities/enrolment/upload.html", context)


def _preview(
    request: HttpRequest, model_admin: ModelAdmin[Any], proposal: Proposal, changed: bool = False
) -> HttpResponse:
    try:
        plan = _make_plan(request, proposal)
    except InvalidEnrolment as error:
        return render_form(request, model_admin, make_form(proposal, request), error.errors)
    usable_keys = issuing.count_usable_keys(plan)
    missing = {name.lower() for name in plan.missing}
    rows = [
        {
            "line": row.line,
            "name": plan.name(row),
            "is_new": row.identity.lower() in missing,
            "is_inactive": plan.name(row) in plan.inactive,
            "usable_keys": usable_keys.get(row.identity.lower(), 0),
            "note": row.note,
            "max_uses": row.max_uses,
            "expires_at": plan.expires_at(row),
        }
        for row in plan.rows
    ]
    context = {
        "title": _("Check: %(name)s") % {"name": proposal.title},
        "opts": Enrolment._meta,
        "rows": rows,
        "identity_count": len({plan.name(row).lower() for row in plan.rows}),
        "missing_count": len(missing),
        "with_usable_keys": len(usable_keys),
        "inactive": plan.inactive,
        "changed": changed,
        "proposal": replace(proposal, missing=plan.missing).sign(request),
    }
    return render_page(model_admin, request, "admin/identities/enrolment/preview.html", context)


def _make_plan(request: HttpRequest, proposal: Proposal) -> issuing.Plan:
    may_create = request.user.has_perm("identities.add_identity")
    return issuing.make_plan(
        proposal.rows.encode(),
        proposal.defaults,
        create=proposal.create and may_create,
        remedy=str(ALLOW_CREATION if may_create else REQUEST_CREATION),
        scope=scope_of(request.user, "identities.add_presharedkey"),
        max_rows=MAX_KEYS,
    )


def _confirm(
    request: HttpRequest, model_admin: ModelAdmin[Any], proposal: Proposal
) -> HttpResponse:
    issued = Enrolment.objects.filter(idempotency_key=proposal.idempotency_key).first()
    if issued is not None:
        return _redirect_to_issued(request, issued)
    try:
        plan = _make_plan(request, proposal)
    except InvalidEnrolment as error:
        return render_form(request, model_admin, make_form(proposal, request), error.errors)
    if plan.missing != proposal.missing:  # identities were created or deleted since the preview
        return _preview(request, model_admin, proposal, changed=True)
    return _issue_once(request, model_admin, plan, proposal)


def _issue_once(
    request: HttpRequest, model_admin: ModelAdmin[Any], plan: issuing.Plan, proposal: Proposal
) -> HttpResponse:
    try:
        with transaction.atomic():
            return _issue(request, model_admin, plan, proposal)
    except IntegrityError:
        issued = Enrolment.objects.filter(idempotency_key=proposal.idempotency_key).first()
        if issued is not None:
            return _redirect_to_issued(request, issued)
        return _preview(request, model_admin, proposal, changed=True)
    except ValidationError as error:  # for example, keys that are valid for one second
        reason = {"reason": " ".join(error.messages)}
        messages.error(request, _("Nothing was created. %(reason)s") % reason)
        return render_form(request, model_admin, make_form(proposal, request))


def _issue(
    request: HttpRequest, model_admin: ModelAdmin[Any], plan: issuing.Plan, proposal: Proposal
) -> HttpResponse:
    enrolment, issued = issuing.issue_all(
        plan,
        name=proposal.title,
        created_by=request.user if request.user.is_authenticated else None,
        idempotency_key=UUID(proposal.idempotency_key),
    )
    missing = {name.lower() for name in plan.missing}
    identities = {key.identity_id: key.identity for key, _secret in issued}
    created = [row for row in identities.values() if row.name.lower() in missing]
    log_additions(request, created)
    log_additions(request, [key for key, _secret in issued])
    model_admin.log_addition(request, enrolment, f"Issued {len(issued)} keys.")
    return render_credential_sheet(request, model_admin, issued, enrolment=enrolment)


def _redirect_to_issued(request: HttpRequest, enrolment: Enrolment) -> HttpResponse:
    text = _(
        "The keys of this list were already issued and shown once. "
        "If nobody saved them, re-issue those that have not registered."
    )
    messages.warning(request, text)
    return HttpResponseRedirect(reverse("admin:identities_enrolment_change", args=(enrolment.pk,)))
