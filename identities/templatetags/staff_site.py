"""Template tags of the staff site: MFA, links of other apps, onboarding."""

from __future__ import annotations

from typing import Any

from django import template
from django.conf import settings
from django.template import RequestContext
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString

from identities.admin.extensions import Link, identity_pages, study_pages
from identities.admin.relative_times import relative_time
from identities.models import PreSharedKey
from identities.visibility import may_view_all, scope_of

register = template.Library()


register.filter(relative_time)


@register.filter
def mark_code(text: str) -> SafeString:
    """Return plain text as HTML, what is between backticks as ``code``."""
    parts = text.split("`")
    marked = (
        format_html("<code>{}</code>", part) if place % 2 else conditional_escape(part)
        for place, part in enumerate(parts)
    )
    return format_html_join("", "{}", ((part,) for part in marked))


@register.simple_tag
def is_mfa_available() -> bool:
    return bool(settings.STAFF_MFA != "off")


@register.simple_tag
def provider_label() -> str:
    """Return the name of the identity provider, "" without one."""
    return str(settings.OIDC_LABEL) if settings.OIDC_ISSUER else ""


@register.simple_tag(takes_context=True)
def sees_all_identities(context: RequestContext) -> bool:
    return may_view_all(context["request"].user)


@register.simple_tag(takes_context=True)
def identity_links(context: RequestContext) -> list[Link]:
    """Return the links that other apps add to the page of the identity ``original``."""
    return identity_pages.links_for(context["request"], context["original"])


@register.simple_tag(takes_context=True)
def study_links(context: RequestContext) -> list[Link]:
    """Return the links that other apps add to the page of the study ``original``."""
    return study_pages.links_for(context["request"], context["original"])


@register.inclusion_tag("admin/identities/onboarding.html", takes_context=True)
def onboarding(context: RequestContext) -> dict[str, Any]:
    """Return which steps to the first registered device are done.

    The steps are shown until a device has registered, to users who may take them.
    """
    perms = context["perms"]
    scope = scope_of(context["request"].user)
    keys = scope.filter(PreSharedKey.objects.all())
    return {
        "is_waiting": not keys.filter(uses__gt=0).exists(),
        "may_enrol": perms["identities"]["add_identity"]
        and perms["identities"]["add_presharedkey"],
        "has_identity": scope.identities().exists(),
        "has_key": keys.exists(),
    }
