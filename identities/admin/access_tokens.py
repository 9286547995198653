"""Access tokens in the admin: every member of staff makes, sees and revokes their own."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest

from identities.admin.credentials import OneTimeSecretAdmin
from identities.device_setup import Command, address, read_series
from identities.models import AccessToken


def is_staff(request: HttpRequest) -> bool:
    """Tell whether the user may use the admin at all."""
    return bool(request.user.is_active and getattr(request.user, "is_staff", False))


def staff_id(request: HttpRequest) -> int:
    """Return the key of the user's row; nobody who is not logged in gets this far."""
    if request.user.pk is None:
        raise PermissionDenied
    return request.user.pk


def is_superuser(request: HttpRequest) -> bool:
    """Tell whether the user sees everybody's tokens."""
    return bool(request.user.is_active and getattr(request.user, "is_superuser", False))


@admin.register(AccessToken)
class AccessTokenAdmin(OneTimeSecretAdmin):
    """Tokens for the read API: made for oneself only; a superuser sees and revokes all."""

    list_display = ("hint", "user", "state_shown", "note", "expires_at", "created_at")
    list_select_related = ("user",)
    search_fields = ("user__username", "note")
    card_template = "admin/identities/accesstoken/issued.html"
    add_fields = ("note", "expires_at")
    change_fields = (
        "user",
        "hint",
        "state_shown",
        "note",
        "expires_at",
        "created_at",
        "revoked_at",
    )
    revoke_consequence = "Scripts that use it are refused from their next request on."

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccessToken]:
        """Return the user's own tokens; a superuser's list has everybody's."""
        tokens: QuerySet[AccessToken] = super().get_queryset(request)
        return tokens if is_superuser(request) else tokens.filter(user_id=staff_id(request))

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Return True for staff: everybody has a list of their own tokens."""
        return is_staff(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return True for staff: ``get_queryset`` says of which tokens."""
        return is_staff(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return True for staff: a token lets its owner do nothing that they may not do."""
        return is_staff(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return True for superusers, who may correct notes."""
        return is_superuser(request)

    def has_revoke_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the token is the user's own, or the user a superuser.

        Without ``obj`` the question is for the action on the list, which only superusers need.
        """
        own = isinstance(obj, AccessToken) and obj.user_id == request.user.pk
        return is_superuser(request) or (own and is_staff(request))

    def assign_maker(self, request: HttpRequest, obj: AccessToken) -> None:
        """Make the new token the user's own."""
        obj.user_id = staff_id(request)

    def commands(self, obj: AccessToken, *, own_ca: bool) -> list[Command]:
        """Return the command that tries the token."""
        url = address(settings.PUBLIC_HOST, settings.STAFF_PORT, "/api/v1/series")
        return [read_series(url, own_ca=own_ca)]
