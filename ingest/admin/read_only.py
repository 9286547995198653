"""Base of read-only admin pages, with lists that stay fast on large tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from django.contrib import admin
from django.db.models import Model

from identities.admin.checked_requests import CheckedAdmin, UneditableMixin
from identities.admin.keyset import LargeListAdmin
from identities.admin.visible_rows import VisibleRowsMixin
from ingest.escaping import escape

_Row = TypeVar("_Row", bound=Model)

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin
else:

    class ModelAdmin(Generic[_Row], CheckedAdmin):
        """Django's class, with the type parameter of its stubs."""


class EvidenceAdmin(UneditableMixin, VisibleRowsMixin, LargeListAdmin, ModelAdmin[_Row]):
    """Read-only rows, for users with the permission to view them and their identity."""

    actions = None

    class Media:
        css = {"all": ["ingest/read_only.css"]}


def shown(text: str, max_length: int = 255) -> str:
    """Escape invisible and bidirectional control characters in text from a device.

    Templates and ``format_html`` escape HTML, but not these.
    """
    return escape(text, max_length)


def grouped(digest: bytes | memoryview | None) -> str:
    """Return a SHA-256 in groups of four digits, which people can compare by voice."""
    if digest is None:
        return ""
    text = bytes(digest).hex()
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))
