"""Form fields of the admin: durations as text, and inputs that screen readers can name."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminSplitDateTime, AutocompleteSelect
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext as _

from identities.admin.checked_requests import CheckedAdmin, is_key
from identities.durations import format_duration, parse_duration


class DurationField(forms.CharField):
    """A duration as text such as ``12h``; empty text is None."""

    def to_python(self, value: Any) -> Any:
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
        return format_duration(value) if isinstance(value, timedelta) else value


# For ``formfield_overrides``.
DURATION_AS_TEXT: dict[type[models.Field[Any, Any]], dict[str, Any]] = {
    models.DurationField: {"form_class": DurationField}
}


class LabelledAutocompleteSelect(AutocompleteSelect):
    """A select with autocomplete; a script connects it with its label."""

    def optgroups(self, name: str, value: Any, attr: Any = None) -> Any:
        """Return the options for those of ``value`` that can be keys; the others select nothing."""
        key = self.field.remote_field.model._meta.pk
        return super().optgroups(name, [each for each in value if is_key(key, str(each))], attr)

    @property
    def media(self) -> forms.Media:
        return super().media + forms.Media(js=["identities/labelled_selects.js"])


class LabelledInputsMixin(CheckedAdmin):
    """Labels both inputs of a date and time, and selects with autocomplete."""

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, AdminSplitDateTime):
            field.show_hidden_initial = False  # a default needs no second, hidden pair of inputs
            parts = (_("date"), _("time"))
            for widget, part in zip(field.widget.widgets, parts, strict=True):
                widget.attrs["aria-label"] = f"{db_field.verbose_name}: {part} (UTC)"
        return field

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs["widget"] = LabelledAutocompleteSelect(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)
