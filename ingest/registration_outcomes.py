"""The outcomes of a registration attempt, as stored and as shown to staff."""

from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Outcome(TextChoices):
    """The true reason of an answer; the device only gets success, failure or wait."""

    REGISTERED = "registered", _("Registered")
    ALREADY_BOUND = "already_bound", _("Already registered")
    PSK_MALFORMED = "psk_malformed", _("Mistyped: not a pre-shared key")
    PSK_UNKNOWN = "psk_unknown", _("Pre-shared key unknown")
    PSK_EXPIRED = "psk_expired", _("Pre-shared key expired")
    PSK_EXHAUSTED = "psk_exhausted", _("Pre-shared key exhausted")
    PSK_REVOKED = "psk_revoked", _("Pre-shared key revoked")
    IDENTITY_INACTIVE = "identity_inactive", _("Identity inactive")
    BOUND_ELSEWHERE = "certificate_bound_elsewhere", _("Certificate bound to another identity")
    CERTIFICATE_SUSPENDED = "certificate_suspended", _("Certificate suspended")
    CERTIFICATE_REVOKED = "certificate_revoked", _("Certificate revoked")
    CERTIFICATE_QUOTA_EXHAUSTED = (
        "certificates_used_up",
        _("Certificate quota exhausted"),
    )
    RENEWAL_CLOSED = (
        "renewal_closed",
        _("Renewal key of a certificate that may not renew"),
    )
    # The certificate itself was refused; the key was not tried.
    CERTIFICATE_MISSING = "certificate_missing", _("No client certificate")
    CERTIFICATE_EXPIRED = "certificate_expired", _("Certificate expired")
    CERTIFICATE_NOT_YET_VALID = "certificate_not_yet_valid", _("Certificate not valid yet")
    CERTIFICATE_UNACCEPTABLE = "certificate_unacceptable", _("Certificate unacceptable")
    THROTTLED = "throttled", _("Too many attempts")


# All refusals count: a throttle that spared exhausted keys would reveal which ones exist.
NOT_A_REFUSAL = (Outcome.REGISTERED, Outcome.ALREADY_BOUND, Outcome.THROTTLED)
