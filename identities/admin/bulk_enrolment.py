"""Enrolling many devices: list, dry run, confirmation, sheet. All steps POST to one address."""

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
from django.template.response import TemplateResponse
from django.urls import reverse

from identities.admin.bulk_enrolment_forms import MAX_KEYS, EnrolmentForm, form_of
from identities.admin.credential_sheet import note_additions, show_sheet
from identities.admin.signed_plan import BadProposal, Proposal, read_proposal
from identities.enrolment import issuing
from identities.enrolment.csv_file import BadEnrolment, RowFault
from identities.enrolment.models import Enrolment

MAKE_THEM = "tick “Make identities that are missing”, or correct the name."
MAKE_IT_FIRST = "correct the name, or have the identity made first."


def answer(request: HttpRequest, model_admin: ModelAdmin[Any]) -> HttpResponse:
    """Return the page of the step that the request asks for; the caller has seen to permission."""
    if request.method != "POST":
        return show_form(request, model_admin, EnrolmentForm(request))
    if "proposal" not in request.POST:
        form = EnrolmentForm(request, request.POST, request.FILES)
        if not form.is_valid():
            return show_form(request, model_admin, form)
        return _dry_run(request, model_admin, form.proposal())
    try:
        proposal = read_proposal(request.POST["proposal"], request)
    except BadProposal as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(reverse("admin:identities_enrolment_add"))
    if "edit" in request.POST:
        return show_form(request, model_admin, form_of(proposal, request))
    return _confirmed(request, model_admin, proposal)


def show_form(
    request: HttpRequest,
    model_admin: ModelAdmin[Any],
    form: EnrolmentForm,
    faults: Sequence[RowFault] = (),
) -> HttpResponse:
    """Return the page that asks for the list, with what was wrong with the one before."""
    context = model_admin.admin_site.each_context(request) | {
        "title": "Enrol many devices",
        "opts": Enrolment._meta,
        "form": form,
        "faults": faults,
    }
    return TemplateResponse(request, "admin/identities/enrolment/upload.html", context)


def _dry_run(
    request: HttpRequest, model_admin: ModelAdmin[Any], proposal: Proposal, changed: bool = False
) -> HttpResponse:
    try:
        plan = _plan(request, proposal)
    except BadEnrolment as error:
        return show_form(request, model_admin, form_of(proposal, request), error.faults)
    open_keys = issuing.open_keys(plan)
    missing = {name.lower() for name in plan.missing}
    rows = [
        {
            "line": row.line,
            "name": plan.name(row),
            "is_new": row.identity.lower() in missing,
            "is_inactive": plan.name(row) in plan.inactive,
            "open_keys": open_keys.get(row.identity.lower(), 0),
            "note": row.note,
            "max_uses": row.max_uses,
            "expires_at": plan.expires_at(row),
        }
        for row in plan.rows
    ]
    context = model_admin.admin_site.each_context(request) | {
        "title": f"Check: {proposal.title}",
        "opts": Enrolment._meta,
        "rows": rows,
        "identities": len({plan.name(row).lower() for row in plan.rows}),
        "missing": len(missing),
        "with_open_keys": len(open_keys),
        "inactive": plan.inactive,
        "changed": changed,
        "proposal": replace(proposal, missing=plan.missing).signed(request),
    }
    return TemplateResponse(request, "admin/identities/enrolment/preview.html", context)


def _plan(request: HttpRequest, proposal: Proposal) -> issuing.Plan:
    may_create = request.user.has_perm("identities.add_identity")
    return issuing.check(
        proposal.rows.encode(),
        proposal.defaults,
        create=proposal.create and may_create,
        remedy=MAKE_THEM if may_create else MAKE_IT_FIRST,
        most_rows=MAX_KEYS,
    )


def _confirmed(
    request: HttpRequest, model_admin: ModelAdmin[Any], proposal: Proposal
) -> HttpResponse:
    before = Enrolment.objects.filter(idempotency_key=proposal.confirmation).first()
    if before is not None:
        return _issued_before(request, before)
    try:
        plan = _plan(request, proposal)
    except BadEnrolment as error:
        return show_form(request, model_admin, form_of(proposal, request), error.faults)
    if plan.missing != proposal.missing:  # somebody made or deleted identities meanwhile
        return _dry_run(request, model_admin, proposal, changed=True)
    return _made(request, model_admin, plan, proposal)


def _made(
    request: HttpRequest, model_admin: ModelAdmin[Any], plan: issuing.Plan, proposal: Proposal
) -> HttpResponse:
    try:
        with transaction.atomic():
            return _issue(request, model_admin, plan, proposal)
    except IntegrityError:
        before = Enrolment.objects.filter(idempotency_key=proposal.confirmation).first()
        if before is not None:
            return _issued_before(request, before)
        return _dry_run(request, model_admin, proposal, changed=True)
    except ValidationError as error:  # such as keys for one second
        messages.error(request, f"Nothing was made. {' '.join(error.messages)}")
        return show_form(request, model_admin, form_of(proposal, request))


def _issue(
    request: HttpRequest, model_admin: ModelAdmin[Any], plan: issuing.Plan, proposal: Proposal
) -> HttpResponse:
    enrolment, issued = issuing.issue_all(
        plan,
        name=proposal.title,
        created_by=request.user if request.user.is_authenticated else None,
        confirmation=UUID(proposal.confirmation),
    )
    made = {name.lower() for name in plan.missing}
    identities = {key.identity_id: key.identity for key, _ in issued}
    note_additions(request, [one for one in identities.values() if one.name.lower() in made])
    note_additions(request, [key for key, _ in issued])
    model_admin.log_addition(request, enrolment, f"Issued {len(issued)} keys.")
    return show_sheet(request, model_admin, issued, enrolment=enrolment)


def _issued_before(request: HttpRequest, enrolment: Enrolment) -> HttpResponse:
    text = (
        "The keys of this list were issued already, and shown once. "
        "If they were not seen, re-issue those that have not registered."
    )
    messages.warning(request, text)
    return HttpResponseRedirect(reverse("admin:identities_enrolment_change", args=(enrolment.pk,)))
