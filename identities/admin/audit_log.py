"""The audit log in the admin: for superusers, read-only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from identities.admin.access_tokens import is_superuser
from identities.admin.checked_requests import CheckedAdmin
from identities.audit.models import AuditEvent


class ObjectTypeFilter(admin.AllValuesFieldListFilter):
    """Object types; events without an object have a label too, which their link needs."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        for choice in super().choices(changelist):
            yield {**choice, "display": choice["display"] or _("(no object)")}


@admin.register(AuditEvent)
class AuditEventAdmin(CheckedAdmin):
    list_display = ("created_at", "username", "action", "object_type", "object_repr", "address")
    list_filter = ("action", ("object_type", ObjectTypeFilter))
    search_fields = ("username", "object_repr", "address")
    actions = None
    show_full_result_count = False
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

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_superuser(request)

    def has_view_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        """Return True for superusers: the events are about the other users."""
        return is_superuser(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("changes"))
    def changes_shown(self, obj: AuditEvent) -> SafeString:
        rows = ((name, str(old), str(new)) for name, (old, new) in obj.changes.items())
        return format_html_join("", "<p>{}: <del>{}</del> <ins>{}</ins></p>", rows)
