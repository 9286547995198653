"""Access tokens in the admin: members of staff create, list and revoke their own."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, cast

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import ModelForm, ModelMultipleChoiceField
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from identities.access_tokens import AccessToken
from identities.admin.credentials import NewSecretForm, OneTimeSecretAdmin
from identities.device_setup import Command, build_url, read_series
from identities.studies import Study
from identities.visibility import scope_of


class NewTokenForm(NewSecretForm):
    """A new token, narrowed to studies if some are chosen."""

    studies = ModelMultipleChoiceField(
        Study.objects.none(),
        required=False,
        label=gettext_lazy("Studies"),
        help_text=gettext_lazy("It reads these only. None chosen: all that you see."),
    )

    def clean(self) -> dict[str, Any]:
        """Set the chosen studies on the token."""
        data = super().clean() or self.cleaned_data
        if chosen := data.get("studies"):
            token = cast("AccessToken", self.instance)
            token.study_ids = sorted(study.pk for study in chosen)
        return data


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
    add_form = NewTokenForm
    add_fields = ("note", "expires_at", "studies")
    revoke_consequence = gettext_lazy("Scripts that use it are refused from their next request on.")

    def get_change_fields(self, request: HttpRequest) -> tuple[Any, ...]:
        return ("user", "hint", "state_shown", "note", "expires_at", "studies_shown",
                "created_at", "revoked_at")  # fmt: skip

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm[Any]]:
        form: type[ModelForm[Any]] = super().get_form(request, obj, change, **kwargs)
        if "studies" in form.base_fields:
            # A copy: all requests share the field that the class declares.
            field = cast("ModelMultipleChoiceField[Any]", deepcopy(form.base_fields["studies"]))
            field.queryset = scope_of(request.user).studies()
            form.base_fields["studies"] = field
        return form

    @admin.display(description=gettext_lazy("studies"))
    def studies_shown(self, obj: AccessToken) -> str:
        if obj.study_ids is None:
            return _("all that the user sees")
        names = Study.objects.filter(pk__in=obj.study_ids).values_list("name", flat=True)
        return ", ".join(names) or _("none")

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
