"""The audit log in the admin, read-only: superusers see all, study admins that of their studies."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db import connection
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from identities.admin.checked_requests import UneditableMixin
from identities.admin.keyset import LargeListAdmin
from identities.admin.relative_times import time_column
from identities.admin.visible_rows import StudyFilter
from identities.audit.models import AuditEvent
from identities.search import find_first
from identities.visibility import Scope, scope_of

# No group can have it: Django makes no permission for the model.
PERMISSION = "identities.view_auditevent"

# Each step jumps over all events of an object type in the index.
_OBJECT_TYPES = """
WITH RECURSIVE types AS (
    (SELECT object_type FROM identities_auditevent ORDER BY object_type LIMIT 1)
    UNION ALL
    SELECT (SELECT e.object_type FROM identities_auditevent e
            WHERE e.object_type > types.object_type ORDER BY e.object_type LIMIT 1)
    FROM types WHERE types.object_type IS NOT NULL
)
SELECT object_type FROM types WHERE object_type IS NOT NULL
"""


class ObjectTypeFilter(admin.SimpleListFilter):
    """Object types; events without an object have a label too, which their link needs."""

    title = gettext_lazy("object type")
    parameter_name = "object_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        with connection.cursor() as cursor:
            cursor.execute(_OBJECT_TYPES)
            return [(kind or "-", kind or _("(no object)")) for (kind,) in cursor.fetchall()]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[AuditEvent]
    ) -> QuerySet[AuditEvent]:
        if self.value() is None:
            return queryset
        return queryset.filter(object_type="" if self.value() == "-" else self.value())


class AuditStudyFilter(StudyFilter):
    """Narrows the log to a study and its sites, of those whose log the user reads."""

    def find_scope(self, request: HttpRequest) -> Scope:
        return scope_of(request.user, PERMISSION)


@admin.register(AuditEvent)
class AuditEventAdmin(UneditableMixin, LargeListAdmin):
    list_display = ("time", "username", "action", "object_type", "object_repr", "address")
    list_filter = ("action", ObjectTypeFilter, "created_at", AuditStudyFilter)
    search_fields = ("=username", "object_repr", "=address", "=request_id")
    search_help_text = gettext_lazy(
        "A user, a part of an object's name, an address or a request ID."
    )
    sort_keys: ClassVar[dict[str, Any]] = {"time": F("created_at")}
    time = time_column("created_at", gettext_lazy("time"))
    actions = None
    fields = (
        "created_at",
        "username",
        "action",
        "object_type",
        "object_id",
        "object_repr",
        "changes_shown",
        "address",
        "request_id",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        """Return all events to a superuser, and to a study admin those of the studies."""
        events = super().get_queryset(request)
        return self.filter_rows(scope_of(request.user, PERMISSION), events)

    def filter_rows(self, scope: Scope, rows: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        """Return those of ``rows`` whose identities were all in a study of ``scope``."""
        study_ids = scope.study_ids
        if study_ids is None:
            return rows
        return find_first(rows, Q(study_ids__overlap=sorted(study_ids)))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION)

    def has_view_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        """Return True for superusers and study admins only: events name other users."""
        return request.user.has_perm(PERMISSION)

    @admin.display(description=gettext_lazy("changes"))
    def changes_shown(self, obj: AuditEvent) -> SafeString:
        rows = ((name, str(old), str(new)) for name, (old, new) in obj.changes.items())
        return format_html_join("", "<p>{}: <del>{}</del> <ins>{}</ins></p>", rows)
