"""The MFA pages: set up an authenticator, verify a code at login, remove the authenticator."""

from __future__ import annotations

import secrets
from typing import Any

import django_otp
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from identities.audit import recorder
from identities.device_setup import draw_qr_svg

WRONG_CODE = gettext_lazy(
    "This code is wrong, used or expired. After several wrong codes, wait before the next attempt."
)
RECOVERY_CODE_COUNT = 10
RECOVERY_CODE_LENGTH = 12
# Without characters that are mistaken for each other.
RECOVERY_CODE_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


class CodeForm(forms.Form):
    code = forms.CharField(
        max_length=20,
        label=gettext_lazy("Code"),
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autofocus": True}),
    )


@never_cache
@csrf_protect
def verify(request: HttpRequest) -> HttpResponse:
    """Ask a user who has given the password for a code or a recovery code."""
    user = _require_staff(request)
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        device = _find_device(user, form.cleaned_data["code"])
        if device is not None:
            request.session.cycle_key()
            django_otp.login(request, device)
            return HttpResponseRedirect(_resolve_next(request))
        form.add_error("code", str(WRONG_CODE))
        recorder.record(recorder.Action.MFA_FAILED)
    context = {"form": form, "title": _("Enter your code"), "next": _resolve_next(request)}
    return _render(request, "verify", context)


@never_cache
@csrf_protect
def setup(request: HttpRequest) -> HttpResponse:
    """Show a new secret as a QR code; the first right code confirms the authenticator."""
    user = _require_staff(request)
    if TOTPDevice.objects.filter(user=user, confirmed=True).exists():
        return _render(request, "already_enabled", {"title": _("MFA"), "form": CodeForm()})
    device, _created = TOTPDevice.objects.get_or_create(
        user=user, confirmed=False, defaults={"name": "authenticator"}
    )
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if _is_valid_code(user, device, form.cleaned_data["code"]):
            codes = _confirm(request, device)
            return _render(
                request, "recovery_codes", {"codes": codes, "title": _("Recovery codes")}
            )
        form.add_error("code", str(WRONG_CODE))
    context = {
        "form": form,
        # The configuration URL holds the secret, so the QR code is part of the page.
        "qr_code": mark_safe(draw_qr_svg(device.config_url)),  # noqa: S308 - SVG paths only
        "secret": device.config_url.partition("secret=")[2].partition("&")[0],
        "title": _("Set up MFA"),
    }
    return _render(request, "setup", context)


@never_cache
@csrf_protect
def remove(request: HttpRequest) -> HttpResponse:
    """Remove the user's own authenticator and recovery codes, where MFA is not required.

    It takes a code: an open session alone must not end the protection of the next login.
    """
    user = _require_staff(request)
    if settings.STAFF_MFA == "required" or request.method != "POST":
        return HttpResponseRedirect(reverse("mfa:setup"))
    form = CodeForm(request.POST)
    if not form.is_valid() or _find_device(user, form.cleaned_data["code"]) is None:
        if form.is_valid():
            form.add_error("code", str(WRONG_CODE))
            recorder.record(recorder.Action.MFA_FAILED)
        return _render(request, "already_enabled", {"title": _("MFA"), "form": form})
    for model in (TOTPDevice, StaticDevice):
        for device in model.objects.filter(user=user):
            device.delete()
    messages.success(request, _("MFA was removed."))
    return HttpResponseRedirect(reverse("mfa:setup"))


def digest_recovery_code(code: str) -> str:
    """Return what is stored of a recovery code, however it was typed: 16 hex digits."""
    plain = "".join(character for character in code.lower() if character.isalnum())
    return salted_hmac("identities.mfa.recovery_codes", plain, algorithm="sha256").hexdigest()[:16]


def replace_recovery_codes(user: Any) -> list[str]:
    """Replace the recovery codes of ``user``; return the new ones, each good for one login.

    They are shown once; only keyed digests are stored.
    """
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="recovery codes")
    codes = [
        "".join(secrets.choice(RECOVERY_CODE_ALPHABET) for _ in range(RECOVERY_CODE_LENGTH))
        for _ in range(RECOVERY_CODE_COUNT)
    ]
    for code in codes:
        device.token_set.create(token=digest_recovery_code(code))
    return ["-".join((code[:4], code[4:8], code[8:])) for code in codes]


def _require_staff(request: HttpRequest) -> Any:
    if settings.STAFF_MFA == "off" or not admin.site.has_permission(request):
        raise Http404
    return request.user


def _confirm(request: HttpRequest, device: TOTPDevice) -> list[str]:
    with transaction.atomic():
        device.refresh_from_db()
        device.confirmed = True
        device.save()
        codes = replace_recovery_codes(device.user)
    request.session.cycle_key()
    django_otp.login(request, device)
    return codes


def _is_valid_code(user: Any, device: Any, code: str) -> bool:
    return django_otp.verify_token(user, device.persistent_id, code) is not None


def _find_device(user: Any, code: str) -> Any:
    # Digits are a code of the authenticator. Each kind of device has its own pause after wrong
    # codes, so the code is tried with one kind only.
    model: Any
    plain = code.replace(" ", "")
    if plain.isascii() and plain.isdigit():
        model, token = TOTPDevice, plain
    else:
        model, token = StaticDevice, digest_recovery_code(code)
    devices = model.objects.filter(user=user, confirmed=True)
    return next((device for device in devices if _is_valid_code(user, device, token)), None)


def _resolve_next(request: HttpRequest) -> str:
    target = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=True):
        return target
    return reverse("admin:index")


def _render(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    context = admin.site.each_context(request) | context
    context |= {"required": settings.STAFF_MFA == "required"}
    return render(request, f"admin/identities/mfa/{name}.html", context)
