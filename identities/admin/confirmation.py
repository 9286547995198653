"""The confirmation page: states what an action does, and has it confirmed before it is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.admin.options import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from identities.admin.checked_requests import render_page

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True)
class Confirmation:
    """A page to render. ``template`` extends ``admin/confirmation.html``.

    ``submit`` labels the button, empty for a page without one; ``back`` is where Cancel leads;
    ``hidden`` has the names and values to send along.
    """

    title: str
    submit: str
    back: str
    template: str
    form: forms.Form | None = None
    hidden: Sequence[tuple[str, Any]] = ()
    context: dict[str, Any] = field(default_factory=dict)

    def render(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> HttpResponse:
        context = {
            "title": self.title,
            "submit": self.submit,
            "back": self.back,
            "form": self.form,
            "hidden": self.hidden,
        }
        return render_page(model_admin, request, self.template, context | self.context)


@dataclass(frozen=True, slots=True)
class RowAction:
    """An action on one row, with a form.

    ``verb`` labels the button and begins the title. ``refusals`` are the exceptions that the
    action raises when it has changed nothing; their text says why.
    """

    permission: str
    verb: StrOrPromise
    template: str
    form: type[forms.Form]
    refusals: tuple[type[Exception], ...]


def confirm_and_apply(
    model_admin: ModelAdmin[Any],
    request: HttpRequest,
    action: RowAction,
    rows: QuerySet[Any],
    apply: Callable[[Any, dict[str, Any]], str],
    **context: Any,
) -> HttpResponse:
    """Have ``action`` on the one row of ``rows`` confirmed; on POST apply it and show the row.

    ``apply`` gets the row and the form's data, and returns the message of success. ``context`` is
    for the template.
    """
    if not request.user.has_perm(action.permission):
        raise PermissionDenied
    row = rows.first()
    if row is None:
        raise Http404
    back = row_url(model_admin, row)
    form = action.form(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        title = f"{action.verb} {model_admin.opts.verbose_name}"
        context |= {"row": row}
        page = Confirmation(title, str(action.verb), back, action.template, form, context=context)
        return page.render(request, model_admin)
    try:
        text = apply(row, form.cleaned_data)
        model_admin.message_user(request, text, messages.SUCCESS)
    except action.refusals as error:
        text = _("Nothing was changed: %(reason)s") % {"reason": error}
        model_admin.message_user(request, text, messages.ERROR)
    return HttpResponseRedirect(back)


def row_url(model_admin: ModelAdmin[Any], row: Model) -> str:
    """Return the address of the row's page in the admin."""
    opts = model_admin.opts
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=(row.pk,))
