"""Base of all admin pages: what a request names is checked before the database sees it.

Django's admin lets a query filter by any field with any look-up and takes selected rows, keys and
initial values as they come. The database refuses some of them, which would be answered with 500.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.admin.exceptions import (
    DisallowedModelAdminLookup,
    DisallowedModelAdminToField,
)
from django.contrib.admin.filters import FieldListFilter
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from identities.admin.date_range_filter import DateRangeFilter

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    UserAdminBase = UserAdmin[User]
else:
    ModelAdmin = admin.ModelAdmin
    UserAdminBase = UserAdmin


class InvalidParameter(Exception):
    """A parameter that a page cannot use; the text is shown to the user."""


_REFUSALS = (InvalidParameter, DisallowedModelAdminLookup, DisallowedModelAdminToField)


class CheckedAdmin(ModelAdmin):
    """Admin pages that accept listed parameters only; others are answered with 400 and a page.

    A list accepts the parameters of its ``list_filter`` and the look-ups in ``listed_lookups``,
    which are those of links from other pages.
    """

    listed_lookups: ClassVar[tuple[str, ...]] = ()
    # Routes of pages besides Django's, of this class and added to those of its bases: the method
    # NAME_view answers.
    own_pages: ClassVar[dict[str, str]] = {}

    def get_urls(self) -> list[URLPattern]:
        routes: dict[str, str] = {}
        for base in type(self).__mro__:
            routes |= vars(base).get("own_pages", {})
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        wrap = self.admin_site.admin_view
        pages = [
            path(route, wrap(getattr(self, f"{name}_view")), name=f"{prefix}_{name}")
            for name, route in routes.items()
        ]
        return [*pages, *super().get_urls()]

    def lookup_allowed(self, lookup: str, value: str, request: Any = None) -> bool:
        return lookup in self.listed_lookups or lookup in self._list_filter_parameters(request)

    def _list_filter_parameters(self, request: HttpRequest) -> set[str]:
        names: set[str] = set()
        for each in self.get_list_filter(request):
            if isinstance(each, type) and issubclass(each, admin.SimpleListFilter):
                names.add(str(each.parameter_name))
                continue
            if isinstance(each, type) and issubclass(each, DateRangeFilter):
                names.update(each.parameter_names)
                continue
            path, make = each if isinstance(each, tuple | list) else (each, FieldListFilter.create)
            field = get_fields_from_path(self.model, str(path))[-1]
            spec = make(field, request, {}, self.model, self, field_path=str(path))  # type: ignore[operator]
            names.update(name for name in spec.expected_parameters() if name)
        return names

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        return to_field in (self.opts.pk.name, self.opts.pk.attname)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return the list; raise ``InvalidParameter`` where Django would redirect."""
        try:
            return super().get_changelist_instance(request)
        except IncorrectLookupParameters as error:
            raise InvalidParameter(_("A parameter has a value that its filter lacks.")) from error

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._refuse_invalid(super().changelist_view, request, *args, **kwargs)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._refuse_invalid(super().changeform_view, request, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._refuse_invalid(super().delete_view, request, *args, **kwargs)

    def _refuse_invalid(
        self, view: Callable[..., HttpResponse], request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except _REFUSALS as error:
            return render_refusal(self, request, _("Invalid request"), str(error))

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Apply an action to the selected rows, whose keys have to be keys."""
        for key in request.POST.getlist(ACTION_CHECKBOX_NAME):
            if not is_key(self.opts.pk, key):
                raise InvalidParameter(_("A selected row is not the key of a row."))
        return super().response_action(request, queryset, *args, **kwargs)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return the values of the query with which a new row's form is filled in, if usable."""
        return {
            name: value
            for name, value in super().get_changeform_initial_data(request).items()
            if self._is_initial(name, value)
        }

    def _is_initial(self, name: str, value: str | list[str]) -> bool:
        try:
            field = self.opts.get_field(name)
        except FieldDoesNotExist:
            return False
        if not isinstance(field, models.Field) or isinstance(field, models.DateField):
            return False
        if isinstance(field, models.ForeignKey | models.ManyToManyField):
            key = field.related_model._meta.pk
            return all(is_key(key, each) for each in ([value] if isinstance(value, str) else value))
        try:
            field.to_python(value)
        except ValidationError:
            return False
        return True


class UneditableMixin(ModelAdmin):
    """Rows that nobody adds, changes or deletes by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def render_page(
    model_admin: admin.ModelAdmin[Any],
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    *,
    status: int = 200,
) -> TemplateResponse:
    """Return a page of ``model_admin`` that is none of Django's own."""
    site = model_admin.admin_site
    request.current_app = site.name
    shared = site.each_context(request) | {"opts": model_admin.opts}
    return TemplateResponse(request, template, shared | context, status=status)


def render_refusal(
    model_admin: admin.ModelAdmin[Any],
    request: HttpRequest,
    title: str,
    reason: str,
    *,
    status: int = 400,
) -> HttpResponse:
    """Return a page that says why there is no answer, with a link to the list."""
    context = {"title": title, "reason": reason}
    return render_page(model_admin, request, "admin/refused.html", context, status=status)


def is_key(field: models.Field[Any, Any], text: str) -> bool:
    """Return whether ``text`` can be a value of the primary key ``field``."""
    try:
        field.clean(text, None)
    except ValidationError:
        return False
    return True


# Django's own pages of users and groups.
admin.site.unregister([User, Group])


@admin.register(User)
class CheckedUserAdmin(CheckedAdmin, UserAdminBase):
    pass


@admin.register(Group)
class CheckedGroupAdmin(CheckedAdmin, GroupAdmin):
    pass
