"""Whether the pages show the way to the second factor."""

from __future__ import annotations

from django import template
from django.conf import settings

register = template.Library()


@register.simple_tag
def second_factor_is_offered() -> bool:
    """Tell whether members of staff can set one up."""
    return bool(settings.STAFF_MFA != "off")
