"""Second factors in the admin: superusers see who has one and remove it when it was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin

# The heading on the first page and beside every other; its own would be "OTP_TOTP".
apps.get_app_config(TOTPDevice._meta.app_label).verbose_name = "Second factors"

# django-otp's own pages show the secrets.
for _model in (TOTPDevice, StaticDevice):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


@admin.register(TOTPDevice)
class AuthenticatorAdmin(ModelAdmin):
    """Authenticators: nothing of the secret, and nothing to change."""

    list_display = ("user", "confirmed", "created_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    fields = readonly_fields = ("user", "name", "confirmed", "created_at", "last_used_at")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user is a superuser."""
        return _is_superuser(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the user is a superuser."""
        return _is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the user is a superuser: for whoever lost theirs."""
        return _is_superuser(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: everybody sets up their own."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: there is nothing to change."""
        return False

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Remove the authenticator and the recovery codes that came with it."""
        for device in StaticDevice.objects.filter(user=obj.user):
            device.delete()
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        """Remove each as if alone."""
        for device in queryset:
            self.delete_model(request, device)


def _is_superuser(request: HttpRequest) -> bool:
    return bool(request.user.is_active and getattr(request.user, "is_superuser", False))
