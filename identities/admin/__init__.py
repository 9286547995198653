"""The admin's pages of identities, keys and tokens; Django finds them by importing this."""

from identities.admin import (
    access_token,
    enrolment,
    identity,
    pre_shared_key,
    second_factors,
    site,
    staff_action,
)

__all__ = [
    "access_token",
    "enrolment",
    "identity",
    "pre_shared_key",
    "second_factors",
    "site",
    "staff_action",
]
