"""The sheet of handover cards: the answer that shows many keys, this once, to be printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.admin.options import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString, mark_safe

from identities.admin.ca_download import read_ca
from identities.device_setup import (
    address,
    make_certificate,
    qr_svg,
    register,
    save_ca,
)
from identities.enrolment.models import Enrolment
from identities.models import PreSharedKey


@dataclass(frozen=True)
class Card:
    """A key to cut out and hand over; its secret is in the page's text once."""

    key: PreSharedKey
    secret: str

    @property
    def qr_code(self) -> SafeString:
        """Return the QR code, which says the key in no form but its modules."""
        return mark_safe(qr_svg(self.secret))  # noqa: S308 - made here, of letters and digits


def show_sheet(
    request: HttpRequest,
    model_admin: ModelAdmin[Any],
    issued: Sequence[tuple[PreSharedKey, str]],
    *,
    enrolment: Enrolment | None,
) -> HttpResponse:
    """Return the finished page of all cards, in the order of ``issued``.

    To be called in the transaction that makes the keys: where the page fails, no key is made
    that nobody has seen.
    """
    ca = read_ca()
    url = address(settings.PUBLIC_HOST, settings.DEVICE_PORT, "/device_endpoint")
    steps = [] if ca is None else [save_ca(ca)]
    context = model_admin.admin_site.each_context(request) | {
        "title": f"{len(issued)} pre-shared key{'' if len(issued) == 1 else 's'}",
        "opts": model_admin.opts,
        "cards": [Card(key, secret) for key, secret in issued],
        "enrolment": enrolment,
        "device_url": url,
        "own_ca": ca is not None,
        "inactive": sorted({k.identity.name for k, _ in issued if not k.identity.is_active}),
        "commands": [*steps, make_certificate("device"), register(url, own_ca=ca is not None)],
    }
    page = TemplateResponse(request, "admin/identities/credential_sheet.html", context)
    page["Cache-Control"] = "no-store"
    return page.render()


def note_additions(request: HttpRequest, rows: Sequence[Any]) -> None:
    """Write into the histories of ``rows`` that they were added; the trail has it by itself."""
    if rows and request.user.pk is not None:
        message: Any = [{"added": {}}]
        LogEntry.objects.log_actions(request.user.pk, rows, ADDITION, message)
