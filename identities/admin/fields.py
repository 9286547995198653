"""Spans of time in the admin's forms: typed as ``90s``, ``5m``, ``12h`` or ``7d``."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models

from identities.durations import format_duration, parse_duration


class DurationText(forms.CharField):
    """Takes and shows a span as text; nothing typed is None."""

    def to_python(self, value: Any) -> Any:
        """Return the span; raise ``ValidationError`` with what is expected."""
        if isinstance(value, timedelta):
            return value
        text = super().to_python(value)
        if not text:
            return None
        try:
            return parse_duration(text)
        except ValueError as error:
            raise ValidationError(str(error)) from error

    def prepare_value(self, value: Any) -> Any:
        """Return what stands in the box."""
        return format_duration(value) if isinstance(value, timedelta) else value


# For ``formfield_overrides``.
AS_TEXT: dict[type[models.Field[Any, Any]], dict[str, Any]] = {
    models.DurationField: {"form_class": DurationText}
}
