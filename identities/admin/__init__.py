"""The admin's pages of identities, keys and tokens; Django finds them by importing this."""

from identities.admin import (
    access_tokens,
    audit_log,
    enrolments,
    identities,
    mfa_devices,
    pre_shared_keys,
    site,
)

__all__ = [
    "access_tokens",
    "audit_log",
    "enrolments",
    "identities",
    "mfa_devices",
    "pre_shared_keys",
    "site",
]
