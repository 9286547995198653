"""The template tag of the status home."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import RequestContext

from analysis.admin.status_home import describe_status

register = template.Library()


@register.inclusion_tag("admin/analysis/status_home.html", takes_context=True)
def status_home(context: RequestContext) -> dict[str, Any]:
    return {**describe_status(context["request"]), "perms": context["perms"]}
