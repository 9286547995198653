"""The mixin of admin pages that keeps every row, object, choice and act inside the user's studies.

It filters ``get_queryset``, from which Django's admin takes lists, counts, objects, histories,
deletions and autocompletes; the choices of foreign keys in forms; and, given a row, the
permissions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.auth import get_permission_codename
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from identities.models import Identity
from identities.studies import Study
from identities.visibility import NOTHING, Scope, scope_of

# A list of more would be of no use in a column beside the rows.
MAX_STUDY_OPTIONS = 500

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


def viewer_scope(row: Any) -> Scope:
    """Return what the user whose page shows ``row`` may see; nothing where that is unknown."""
    scope: Scope = getattr(row, "_viewer_scope", NOTHING)
    return scope


def list_study_options(scope: Scope) -> list[tuple[str, str]]:
    """Return number and name of the studies of ``scope``, for a choice of one of them."""
    studies = scope.studies().values_list("pk", "name")
    return [(str(pk), name) for pk, name in studies[:MAX_STUDY_OPTIONS]]


class StudyFilter(admin.SimpleListFilter):
    """Narrows a list of rows of identities to a study and its sites; absent without studies."""

    title = gettext_lazy("study")
    parameter_name = "study"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list_study_options(self.find_scope(request))

    def find_scope(self, request: HttpRequest) -> Scope:
        """Return the scope of the studies to choose from.

        It is narrower where a row may be of several studies and the user may view it by one of
        them: by the others it would tell what it has there.
        """
        return scope_of(request.user)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Select the rows of the study; none for a study that the user does not see."""
        text = self.value()
        if not text:
            return queryset
        scope = self.find_scope(request).in_study_number(text)
        return self.model_admin.filter_rows(scope, queryset)

    def __init__(
        self, request: HttpRequest, params: Any, model: Any, model_admin: VisibleRowsMixin
    ) -> None:
        super().__init__(request, params, model, model_admin)
        self.model_admin = model_admin


class VisibleRowsMixin(ModelAdmin):
    """Comes before ``ModelAdmin``; ``identity_path`` is the lookup from a row to its identity."""

    identity_path: ClassVar[str] = "identity"

    def filter_rows(self, scope: Scope, rows: QuerySet[Any]) -> QuerySet[Any]:
        return scope.filter(rows, self.identity_path)

    def viewed_scope(self, request: HttpRequest) -> Scope:
        """Return where the user may view rows: a role in one study opens no rows of another."""
        return scope_of(request.user, self._permission("view"), self._permission("change"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return self.filter_rows(self.viewed_scope(request), super().get_queryset(request))

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """Return the row, for which ``viewer_scope`` is known, or None."""
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            row._viewer_scope = scope_of(request.user)
        return row

    def rows_for(
        self, request: HttpRequest, permission: str, rows: QuerySet[Any] | None = None
    ) -> QuerySet[Any]:
        """Return the rows, or those of ``rows``, to which ``permission`` applies."""
        every = self.model._default_manager.all() if rows is None else rows
        return self.filter_rows(scope_of(request.user, permission), every)

    def may(self, request: HttpRequest, permission: str, row: Any = None) -> bool:
        """Return whether the user has ``permission``, for ``row`` if one is given."""
        if not request.user.has_perm(permission):
            return False
        return row is None or row.pk is None or self._is_row_in(request, permission, row)

    def _is_row_in(self, request: HttpRequest, permission: str, row: Any) -> bool:
        scope = scope_of(request.user, permission)
        if scope.is_everything:
            return True
        return self.filter_rows(scope, type(row)._base_manager.filter(pk=row.pk)).exists()

    def _permission(self, act: str) -> str:
        return f"{self.opts.app_label}.{get_permission_codename(act, self.opts)}"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may add rows anywhere: a permission alone opens no study."""
        scope = scope_of(request.user, self._permission("add"))
        return super().has_add_permission(request) and scope != NOTHING

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj) and (
            self.may(request, self._permission("view"), obj)
            or self.may(request, self._permission("change"), obj)
        )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self.may(
            request, self._permission("change"), obj
        )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self.may(
            request, self._permission("delete"), obj
        )

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer identities and studies for which the user may add rows of this model."""
        scope = scope_of(request.user, self._permission("add"))
        if issubclass(db_field.related_model, Identity):
            kwargs["queryset"] = scope.identities()
        elif issubclass(db_field.related_model, Study):
            kwargs["queryset"] = scope.studies()
        return super().formfield_for_foreignkey(db_field, request, **kwargs)
