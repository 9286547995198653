"""The pages of the second factor: set it up, give a code at login, take it away."""

from __future__ import annotations

from typing import Any

import django_otp
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from identities.audit import recorder
from identities.device_setup import qr_svg
from identities.mfa import recovery_codes

WRONG = "This code is wrong, used or too old. After several wrong ones there is a pause: wait."


class CodeForm(forms.Form):
    """One code."""

    code = forms.CharField(
        max_length=20,
        label="Code",
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autofocus": True}),
    )


@never_cache
@csrf_protect
def check(request: HttpRequest) -> HttpResponse:
    """Ask a person who has given the password for a code, or a recovery code."""
    user = _member_of_staff(request)
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        device = _matching(user, form.cleaned_data["code"])
        if device is not None:
            request.session.cycle_key()
            django_otp.login(request, device)
            return HttpResponseRedirect(_next(request))
        form.add_error("code", WRONG)
        recorder.record(recorder.Action.SECOND_FACTOR_FAILED)
    return _page(request, "verify", form=form, title="Second factor", next=_next(request))


@never_cache
@csrf_protect
def enrol(request: HttpRequest) -> HttpResponse:
    """Show a new secret as a QR code; with the first right code it is in force."""
    user = _member_of_staff(request)
    if TOTPDevice.objects.filter(user=user, confirmed=True).exists():
        return _page(request, "already_enabled", title="Second factor")
    device, _ = TOTPDevice.objects.get_or_create(
        user=user, confirmed=False, defaults={"name": "authenticator"}
    )
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if _verify(user, device, form.cleaned_data["code"]):
            return _page(
                request, "recovery_codes", codes=_confirm(request, device), title="Recovery codes"
            )
        form.add_error("code", WRONG)
    # The address holds the secret, so it is drawn here and stands in no URL.
    code = mark_safe(qr_svg(device.config_url))  # noqa: S308 - made here, paths only
    secret = device.config_url.partition("secret=")[2].partition("&")[0]
    return _page(
        request, "setup", form=form, qr_code=code, secret=secret, title="Set up a second factor"
    )


@never_cache
@csrf_protect
def remove(request: HttpRequest) -> HttpResponse:
    """Take the user's own second factor away, where it is not required."""
    user = _member_of_staff(request)
    if settings.STAFF_MFA == "required" or request.method != "POST":
        return HttpResponseRedirect(reverse("second_factor:enrol"))
    for model in (TOTPDevice, StaticDevice):
        for device in model.objects.filter(user=user):
            device.delete()
    messages.success(request, "The second factor was removed.")
    return HttpResponseRedirect(reverse("second_factor:enrol"))


def _member_of_staff(request: HttpRequest) -> Any:
    if settings.STAFF_MFA == "off" or not admin.site.has_permission(request):
        raise Http404
    return request.user


def _confirm(request: HttpRequest, device: TOTPDevice) -> list[str]:
    with transaction.atomic():
        device.refresh_from_db()
        device.confirmed = True
        device.save()
        codes = recovery_codes.new_codes(device.user)
    request.session.cycle_key()
    django_otp.login(request, device)
    return codes


def _verify(user: Any, device: Any, code: str) -> bool:
    verified = django_otp.verify_token(user, device.persistent_id, code)
    return verified is not None


def _matching(user: Any, code: str) -> Any:
    # A code of six digits is the authenticator's; each kind has its own pause after wrong ones.
    digits = code.replace(" ", "")
    if digits.isascii() and digits.isdigit():
        devices, told = TOTPDevice.objects.filter(user=user, confirmed=True), digits
    else:
        devices, told = (
            StaticDevice.objects.filter(user=user, confirmed=True),
            recovery_codes.digest(code),
        )
    return next((device for device in devices if _verify(user, device, told)), None)


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=True):
        return wanted
    return reverse("admin:index")


def _page(request: HttpRequest, name: str, **context: Any) -> HttpResponse:
    context = admin.site.each_context(request) | context
    context |= {"required": settings.STAFF_MFA == "required"}
    return render(request, f"admin/identities/mfa/{name}.html", context)
