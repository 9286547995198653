"""What to do next in an empty installation, for the admin's first page."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import RequestContext

from identities.models import Identity, PreSharedKey

register = template.Library()


@register.inclusion_tag("admin/identities/onboarding.html", takes_context=True)
def onboarding(context: RequestContext) -> dict[str, Any]:
    """Return how far the way to the first registered device has been gone.

    Shown while no device has registered, to those who may do something about it.
    """
    perms = context["perms"]
    used = PreSharedKey.objects.filter(uses__gt=0).exists()
    may = perms["identities"]["add_identity"] and perms["identities"]["add_presharedkey"]
    return {
        "waiting": not used,
        "may": may,
        "has_identity": Identity.objects.exists(),
        "has_key": PreSharedKey.objects.exists(),
    }
