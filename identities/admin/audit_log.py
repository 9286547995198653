"""The audit trail in the admin: looked at by superusers, changed by nobody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from identities.audit.models import AuditEvent

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[AuditEvent]
else:
    ModelAdmin = admin.ModelAdmin


class ObjectTypes(admin.AllValuesFieldListFilter):
    """The kinds of objects; actions without one have a name too, which their link needs."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Yield the choices."""
        for choice in super().choices(changelist):
            yield {**choice, "display": choice["display"] or "(no object)"}


@admin.register(AuditEvent)
class StaffActionAdmin(ModelAdmin):
    """What members of staff did, newest first."""

    list_display = ("created_at", "username", "action", "object_type", "object_repr", "address")
    list_filter = ("action", ("object_type", ObjectTypes))
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
        "what_changed",
        "address",
        "request_id",
    )

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user is a superuser."""
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        """Tell whether the user is a superuser: the trail is about the others."""
        return bool(request.user.is_active and getattr(request.user, "is_superuser", False))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: what is done is recorded by itself."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        """Return False: the trail stays as it is."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        """Return False: the trail stays."""
        return False

    @admin.display(description="changes")
    def what_changed(self, obj: AuditEvent) -> SafeString:
        """Return each field with its old and its new value."""
        rows = ((name, str(old), str(new)) for name, (old, new) in obj.changes.items())
        return format_html_join("", "<p>{}: <del>{}</del> <ins>{}</ins></p>", rows)
