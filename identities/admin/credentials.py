"""What the admin's pages of keys and of tokens share: shown once, then read-only, revocable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timeuntil

from identities.admin.accessible_widgets import NamedInputs
from identities.admin.ca_download import read_ca
from identities.admin.revocation import RevocableAdmin
from identities.credentials import store
from identities.device_setup import Command, save_ca
from identities.models import AccessToken, OneTimeSecret, PreSharedKey

if TYPE_CHECKING:
    SecretForm = ModelForm[OneTimeSecret]
else:
    SecretForm = ModelForm


class OneTimeSecretAdmin(NamedInputs, RevocableAdmin):
    """Answers an addition with the card that shows the secret: the only page that ever does."""

    add_form_template = "admin/identities/add_form.html"
    card_template: ClassVar[str]
    add_fields: ClassVar[tuple[str, ...]]
    change_fields: ClassVar[tuple[str, ...]]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return what a new one is made of, or all that is kept of an old one."""
        return self.add_fields if obj is None else self.change_fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return all but the note once it has been made."""
        return () if obj is None else tuple(f for f in self.change_fields if f != "note")

    def save_model(
        self, request: HttpRequest, obj: OneTimeSecret, form: SecretForm, change: bool
    ) -> None:
        """Make the secret of a new one; of an old one write the note and nothing else.

        A whole row written back would undo uses and revocations that came in between.
        """
        if change:
            obj.save(update_fields=["note"])
            return
        self.assign_maker(request, obj)
        obj.secret = store(obj)

    def assign_maker(self, request: HttpRequest, obj: Any) -> None:
        """Write down on the new ``obj`` who makes it."""
        raise NotImplementedError

    def response_add(
        self, request: HttpRequest, obj: OneTimeSecret, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Answer with the card itself: a redirect would have to carry the secret somewhere."""
        ca = read_ca()
        commands = [] if ca is None else [save_ca(ca)]
        context = self.admin_site.each_context(request) | {
            "opts": self.opts,
            "original": obj,
            "commands": commands + self.commands(obj, own_ca=ca is not None),
            "own_ca": ca is not None,
            "time_left": timeuntil(obj.expires_at, timezone.now()),
        }
        context |= self.card_context(obj)
        response = TemplateResponse(request, self.card_template, context)
        response["Cache-Control"] = "no-store"
        return response

    def commands(self, obj: Any, *, own_ca: bool) -> list[Command]:
        """Return the commands to paste that make use of the secret of ``obj``."""
        raise NotImplementedError

    def card_context(self, obj: Any) -> dict[str, Any]:
        """Return what the card shows beside the commands."""
        return {"title": f"New {self.opts.verbose_name}"}

    @admin.display(description="state")
    def state_shown(self, obj: PreSharedKey | AccessToken) -> SafeString:
        """Return the state as a word with a class for its colour."""
        return format_html(
            '<span class="state state-{}">{}</span>', obj.state.replace(" ", "-"), obj.state
        )
