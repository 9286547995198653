"""A page that asks before it acts on one row: a question, a form, and back to the row's page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from ingest.admin.read_only import ModelAdmin

_Row = TypeVar("_Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. ``template`` extends ``admin/ingest/confirm_action.html``.

    ``verb`` is the button's and the title's; ``refusals`` are what acting may raise when nothing
    has been changed, with a text that says why.
    """

    permission: str
    verb: str
    template: str
    form: type[forms.Form]
    refusals: tuple[type[Exception], ...]


def ask(
    page: ModelAdmin[_Row],
    request: HttpRequest,
    question: Question,
    rows: QuerySet[_Row],
    act: Callable[[_Row, dict[str, Any]], str],
) -> HttpResponse:
    """Ask about the one of ``rows``; on POST ``act`` on it and go back to its page.

    ``act`` gets the row and the form's data, and returns what is said of it afterwards.
    """
    if not request.user.has_perm(question.permission):
        raise PermissionDenied
    row = rows.first()
    if row is None:
        raise Http404
    form = question.form(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        context = page.admin_site.each_context(request) | {
            "title": f"{question.verb} {page.opts.verbose_name}",
            "opts": page.opts,
            "row": row,
            "form": form,
            "verb": question.verb,
        }
        return TemplateResponse(request, question.template, context)
    try:
        page.message_user(request, act(row, form.cleaned_data), messages.SUCCESS)
    except question.refusals as error:
        page.message_user(request, f"Nothing was changed: {error}", messages.ERROR)
    address = f"admin:{page.opts.app_label}_{page.opts.model_name}_change"
    return HttpResponseRedirect(reverse(address, args=[row.pk]))
