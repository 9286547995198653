"""What staff do about a refused request, by the code of its answer or its true outcome."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ingest.registration_outcomes import Outcome

_NEW_KEY = _("Create a new key for the identity and give it to the device.")
_CLOCK = _(
    "Set the device's clock (by NTP, for instance), then let it make a new certificate and "
    "register it with a new key."
)
_QUOTA = _(
    "The identity has as many certificates as it may have: revoke those of lost devices, or raise "
    "MAX_CERTIFICATES_PER_IDENTITY."
)
_SPLIT = _("Let the device send less at once: the limits are in the answer to its GET.")
_BODY = _("The device's program builds its requests wrongly: the reason says where.")

REMEDIES: dict[str, str | Promise] = {
    # Answers of the device API
    "certificate_missing": _("The device sends no certificate: configure its TLS client with one."),
    "certificate_not_bound": _("The device has not registered: create a key for it."),
    "certificate_suspended": _("Reactivate the certificate if the device may upload again."),
    "certificate_revoked": _(
        "A revoked certificate stays refused. If the device may upload again, let it make a new "
        "certificate and give it a new key; else switch it off."
    ),
    "certificate_superseded": _("The device has renewed: it must use its newer certificate."),
    "certificate_expired": _(
        "If the device's clock is right, let it make a new certificate and give it a new key."
    ),
    "certificate_not_yet_valid": _CLOCK,
    "certificate_unacceptable": _(
        "Let the device make another certificate: the reason says what is wrong with this one."
    ),
    "identity_inactive": _("Make the identity active again if its devices may upload."),
    "registration_failed": _("Open the registration attempt: it has the true reason."),
    "invalid_json": _BODY,
    "invalid_multipart": _BODY,
    "method_not_allowed": _BODY,
    "unsupported_media_type": _BODY,
    "unsupported_content_encoding": _BODY,
    "request_too_large": _SPLIT,
    "too_many_files": _SPLIT,
    "too_many_lines": _SPLIT,
    "too_many_values": _SPLIT,
    "too_many_hours": _SPLIT,
    "unreadable_file": _("Open the rejected file: each error names its line and what to change."),
    "too_many_requests": _(
        "The device calls too often, or the daily quota of its identity is exhausted: it continues "
        "by itself later."
    ),
    # True outcomes of registrations
    Outcome.PSK_MALFORMED: _("The key was mistyped or cut: let it be entered again."),
    Outcome.PSK_UNKNOWN: _("No such key: was it mistyped, or made by another installation?"),
    Outcome.PSK_EXPIRED: _NEW_KEY,
    Outcome.PSK_EXHAUSTED: _(
        "The key has been used by another device already. If that one is unknown, revoke its "
        "certificate. Create a new key for this device."
    ),
    Outcome.PSK_REVOKED: _NEW_KEY,
    Outcome.BOUND_ELSEWHERE: _(
        "The certificate belongs to another identity: reassign it, or let the device make a new "
        "one."
    ),
    Outcome.CERTIFICATE_QUOTA_EXHAUSTED: _QUOTA,
    Outcome.RENEWAL_CLOSED: _(
        "The certificate that asked for this key may not renew any more: give the device a new key."
    ),
    Outcome.THROTTLED: _("Too many attempts in a minute: it continues by itself later."),
}


def find_remedy(code: str) -> str | Promise:
    """Return what to do, "" for a code that needs nothing or is not known."""
    return REMEDIES.get(code, "")
