"""Names for the inputs that Django's widgets leave without one, for those who hear the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminSplitDateTime, AutocompleteSelect
from django.http import HttpRequest

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


class NamedAutocompleteSelect(AutocompleteSelect):
    """A list that is searched while typing; a script ties it to its label."""

    @property
    def media(self) -> forms.Media:
        """Return what the widget loads, and the script."""
        return super().media + forms.Media(js=["identities/named_choices.js"])


class NamedInputs(ModelAdmin):
    """An admin whose forms name both inputs of a time, and the lists that are searched."""

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Return the field with its inputs named."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, AdminSplitDateTime):
            field.show_hidden_initial = False  # a default needs no second, hidden pair of inputs
            for part, name in zip(field.widget.widgets, ("date", "time"), strict=True):
                part.attrs["aria-label"] = f"{db_field.verbose_name}: {name} (UTC)"
        return field

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Return the field, with the named list where it is searched while typing."""
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs["widget"] = NamedAutocompleteSelect(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)
