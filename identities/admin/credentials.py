"""The pages that show new keys and tokens, once: the credential card and the credential sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.admin.options import ModelAdmin
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.forms import HiddenInput, ModelForm, UUIDField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timeuntil
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from identities.access_tokens import AccessToken
from identities.admin.checked_requests import render_page
from identities.admin.confirmation import row_url
from identities.admin.fields import LabelledInputsMixin
from identities.admin.revocation import RevocableAdmin
from identities.credentials import save_with_new_secret
from identities.device_setup import (
    CA_FILENAME,
    Command,
    build_url,
    draw_qr_svg,
    make_certificate,
    register,
    save_ca,
)
from identities.models import Enrolment, PreSharedKey
from identities.one_time_secrets import OneTimeSecret

if TYPE_CHECKING:
    SecretForm = ModelForm[OneTimeSecret]
else:
    SecretForm = ModelForm


def read_ca_certificate() -> str | None:
    """Return the CA certificate of this installation as PEM, None if it has no CA of its own."""
    path = Path(settings.VAR_DIR) / "tls" / "ca.crt"
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        return None


def download_ca_certificate(request: HttpRequest) -> HttpResponse:
    """Return the CA certificate as a file; a 404 page explains where there is none."""
    pem = read_ca_certificate()
    if pem is None:
        context = admin.site.each_context(request) | {"title": _("No CA certificate to download")}
        return TemplateResponse(
            request, "admin/identities/ca_unavailable.html", context, status=404
        )
    disposition = f'attachment; filename="{CA_FILENAME}"'
    return HttpResponse(
        pem,
        content_type="application/x-pem-file",
        headers={"Content-Disposition": disposition, "X-Content-Type-Options": "nosniff"},
    )


def registration_url() -> str:
    """Return the address at which devices register and send files."""
    return build_url(settings.PUBLIC_HOST, settings.DEVICE_PORT, "/device_endpoint")


def draw_qr_code(secret: str) -> SafeString:
    """Return the QR code of ``secret``; its SVG holds the secret only as modules, not as text."""
    return mark_safe(draw_qr_svg(secret))  # noqa: S308 - the secret is letters and digits


class NewSecretForm(SecretForm):
    """The form of a new key or token. Sent twice, it creates one."""

    form_key = UUIDField(widget=HiddenInput, required=False, initial=uuid4)


class OneTimeSecretAdmin(LabelledInputsMixin, RevocableAdmin):
    """Answers an addition with the credential card, the only page that shows the secret."""

    add_form = NewSecretForm
    add_form_template = "admin/identities/add_form.html"
    card_template: ClassVar[str]
    add_fields: ClassVar[tuple[str, ...]]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        if obj is None:
            return (*self.add_fields, "form_key")
        return self.get_change_fields(request)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if obj is None:
            kwargs.setdefault("form", self.add_form)
        return super().get_form(request, obj, change, **kwargs)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Create the row and show its card; a form that was sent before leads to its row."""
        created = self._find_created(request)
        if created is None:
            try:
                return super().add_view(request, form_url, extra_context)
            except IntegrityError:  # sent twice at once
                created = self._find_created(request)
                if created is None:
                    raise
        text = _("This form was sent before, and what it created was shown once.")
        self.message_user(request, text, messages.WARNING)
        return HttpResponseRedirect(row_url(self, created))

    def _find_created(self, request: HttpRequest) -> Any:
        try:
            key = UUIDField().clean(request.POST.get("form_key", ""))
        except ValidationError:
            return None
        if not self.has_add_permission(request):
            return None
        return self.get_queryset(request).filter(idempotency_key=key).first()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        if obj is None:
            return ()
        return tuple(field for field in self.get_change_fields(request) if field != "note")

    def get_change_fields(self, request: HttpRequest) -> tuple[Any, ...]:
        """Return the fields of an existing row's page; the note alone can be edited."""
        raise NotImplementedError

    def save_model(
        self, request: HttpRequest, obj: OneTimeSecret, form: SecretForm, change: bool
    ) -> None:
        """Create the secret of a new row; of an existing row save the note only.

        Saving the whole row would undo concurrent uses and revocations.
        """
        if change:
            obj.save(update_fields=["note"])
            return
        self.assign_creator(request, obj)
        obj.idempotency_key = form.cleaned_data.get("form_key")
        obj.secret = save_with_new_secret(obj)

    def assign_creator(self, request: HttpRequest, obj: Any) -> None:
        """Set the request's user on the new ``obj``."""
        raise NotImplementedError

    def response_add(
        self, request: HttpRequest, obj: OneTimeSecret, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Return the card itself: a redirect would have to carry the secret."""
        ca = read_ca_certificate()
        commands = [] if ca is None else [save_ca(ca)]
        context = {
            "original": obj,
            "commands": commands + self.make_commands(obj, own_ca=ca is not None),
            "own_ca": ca is not None,
            "time_left": timeuntil(obj.expires_at, timezone.now()),
        }
        context |= self.make_card_context(request, obj)
        response = render_page(self, request, self.card_template, context)
        response["Cache-Control"] = "no-store"
        return response

    def make_commands(self, obj: Any, *, own_ca: bool) -> list[Command]:
        """Return the shell commands that use the secret of ``obj``."""
        raise NotImplementedError

    def make_card_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """Return the context that only this kind of card has."""
        return {"title": _("New %(name)s") % {"name": self.opts.verbose_name}}

    @admin.display(description=gettext_lazy("state"))
    def state_shown(self, obj: PreSharedKey | AccessToken) -> SafeString:
        return format_html('<span class="state state-{}">{}</span>', obj.state, obj.state)


@dataclass(frozen=True)
class Card:
    """One key of a credential sheet."""

    key: PreSharedKey
    secret: str

    @property
    def qr_code(self) -> SafeString:
        return draw_qr_code(self.secret)


def render_credential_sheet(
    request: HttpRequest,
    model_admin: ModelAdmin[Any],
    issued: Sequence[tuple[PreSharedKey, str]],
    *,
    enrolment: Enrolment | None,
) -> HttpResponse:
    """Return the rendered page of all cards, in the order of ``issued``.

    Call it in the transaction that creates the keys: if the page fails, no key exists that
    nobody has seen.
    """
    ca = read_ca_certificate()
    url = registration_url()
    steps = [] if ca is None else [save_ca(ca)]
    inactive = {key.identity.name for key, _secret in issued if not key.identity.is_active}
    context = {
        "title": ngettext("%(count)s pre-shared key", "%(count)s pre-shared keys", len(issued))
        % {"count": len(issued)},
        "cards": [Card(key, secret) for key, secret in issued],
        "enrolment": enrolment,
        "device_url": url,
        "own_ca": ca is not None,
        "inactive": sorted(inactive),
        "commands": [*steps, make_certificate("device"), register(url, own_ca=ca is not None)],
    }
    page = render_page(model_admin, request, "admin/identities/credential_sheet.html", context)
    page["Cache-Control"] = "no-store"
    return page.render()


def log_additions(request: HttpRequest, rows: Sequence[Any]) -> None:
    """Add the addition of ``rows`` to their histories; the audit log has it from the signals."""
    if rows and request.user.pk is not None:
        message: Any = [{"added": {}}]
        LogEntry.objects.log_actions(request.user.pk, rows, ADDITION, message)
