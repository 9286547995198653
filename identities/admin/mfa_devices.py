"""Authenticators in the admin: superusers list them and remove those that were lost."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_otp.plugins.otp_static import admin as _static_admin  # noqa: F401 - registers
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp import admin as _totp_admin  # noqa: F401 - registers
from django_otp.plugins.otp_totp.models import TOTPDevice

from identities.admin.access_tokens import is_superuser
from identities.admin.checked_requests import CheckedAdmin, UneditableMixin

# The headings in the admin, in place of "OTP_TOTP" and "TOTP devices".
apps.get_app_config(TOTPDevice._meta.app_label).verbose_name = gettext_lazy("MFA")
TOTPDevice._meta.verbose_name = gettext_lazy("authenticator")
TOTPDevice._meta.verbose_name_plural = gettext_lazy("authenticators")

# django-otp's own pages show the secrets. They are imported above, in whatever order Django
# imports the admin modules, so that they are not registered later.
for _model in (TOTPDevice, StaticDevice):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


@admin.register(TOTPDevice)
class AuthenticatorAdmin(UneditableMixin, CheckedAdmin):
    """Authenticators, without their secrets; users set up their own."""

    list_display = ("user", "confirmed", "created_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    fields = readonly_fields = ("user", "name", "confirmed", "created_at", "last_used_at")
    actions = None  # each removal asks for the password

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_superuser(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return True for superusers, who remove a lost authenticator for its user."""
        return is_superuser(request)

    def delete_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Ask for the acting superuser's own password; wrong ones count as failed logins."""
        row = self.get_object(request, unquote(object_id))
        if request.method == "POST" and self.has_delete_permission(request) and row is not None:
            password = request.POST.get("password", "")
            if (
                authenticate(request, username=request.user.get_username(), password=password)
                is None
            ):
                text = _("Your password is wrong: nothing was removed.")
                self.message_user(request, text, messages.ERROR)
                return HttpResponseRedirect(request.get_full_path())
        return super().delete_view(request, object_id, *args, **kwargs)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Remove the authenticator and its user's recovery codes."""
        for device in StaticDevice.objects.filter(user=obj.user):
            device.delete()
        super().delete_model(request, obj)
