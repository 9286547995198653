"""Access tokens in the admin: members of staff create, list and revoke their own."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from identities.access_tokens import AccessToken
from identities.admin.credentials import OneTimeSecretAdmin
from identities.device_setup import Command, build_url, read_series


def is_staff(request: HttpRequest) -> bool:
    return bool(request.user.is_active and getattr(request.user, "is_staff", False))


def is_superuser(request: HttpRequest) -> bool:
    return bool(request.user.is_active and getattr(request.user, "is_superuser", False))


def _get_user_id(request: HttpRequest) -> int:
    if request.user.pk is None:
        raise PermissionDenied
    return request.user.pk


@admin.register(AccessToken)
class AccessTokenAdmin(OneTimeSecretAdmin):
    """Tokens for the API, created for oneself only; superusers list and revoke all."""

    list_display = ("hint", "user", "state_shown", "note", "expires_at", "created_at")
    list_select_related = ("user",)
    search_fields = ("user__username", "note")
    card_template = "admin/identities/accesstoken/issued.html"
    add_fields = ("note", "expires_at")
    revoke_consequence = gettext_lazy("Scripts that use it are refused from their next request on.")

    def get_change_fields(self, request: HttpRequest) -> tuple[Any, ...]:
        return ("user", "hint", "state_shown", "note", "expires_at", "created_at", "revoked_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccessToken]:
        """Return the user's own tokens, or all tokens to a superuser."""
        tokens: QuerySet[AccessToken] = super().get_queryset(request)
        return tokens if is_superuser(request) else tokens.filter(user_id=_get_user_id(request))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_staff(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return True for staff; ``get_queryset`` limits the rows."""
        return is_staff(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return True for staff: a token has no more permissions than its user."""
        return is_staff(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return True for superusers, who may edit notes."""
        return is_superuser(request)

    def has_revoke_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may revoke the token ``obj``: their own, or any as superuser.

        Without ``obj`` it is about the action on the list, which is for superusers.
        """
        is_own = isinstance(obj, AccessToken) and obj.user_id == request.user.pk
        return is_superuser(request) or (is_own and is_staff(request))

    def assign_creator(self, request: HttpRequest, obj: AccessToken) -> None:
        obj.user_id = _get_user_id(request)

    def make_commands(self, obj: AccessToken, *, own_ca: bool) -> list[Command]:
        url = build_url(settings.PUBLIC_HOST, settings.STAFF_PORT, "/api/v1/series")
        return [read_series(url, own_ca=own_ca)]
