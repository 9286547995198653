"""The admin pages of identities, studies, keys, enrolments, tokens, MFA and the audit log."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from identities.admin import (
    access_tokens,
    audit_log,
    enrolments,
    identities,
    mfa_devices,
    pre_shared_keys,
    studies,
)

__all__ = [
    "access_tokens",
    "audit_log",
    "enrolments",
    "identities",
    "mfa_devices",
    "pre_shared_keys",
    "studies",
]

admin.site.site_title = admin.site.site_header = _("Device endpoint")
admin.site.index_title = _("Home")
admin.site.site_url = None  # the staff site has no public pages to link to
