"""How an attempt to register can end, as recorded and as shown to staff."""

from __future__ import annotations

from django.db.models import TextChoices


class Outcome(TextChoices):
    """The true reason behind an answer; the device itself is told success, failure or wait."""

    REGISTERED = "registered", "Registered"
    ALREADY_BOUND = "already_bound", "Registered before"
    PSK_MALFORMED = "psk_malformed", "Mistyped: not a pre-shared key"
    PSK_UNKNOWN = "psk_unknown", "Pre-shared key unknown"
    PSK_EXPIRED = "psk_expired", "Pre-shared key expired"
    PSK_EXHAUSTED = "psk_exhausted", "Pre-shared key used up"
    PSK_REVOKED = "psk_revoked", "Pre-shared key revoked"
    IDENTITY_INACTIVE = "identity_inactive", "Identity inactive"
    BOUND_ELSEWHERE = "certificate_bound_elsewhere", "Certificate bound to another identity"
    CERTIFICATE_SUSPENDED = "certificate_suspended", "Certificate suspended"
    CERTIFICATE_REVOKED = "certificate_revoked", "Certificate revoked"
    CERTIFICATES_USED_UP = "certificates_used_up", "Identity has all the certificates it may have"
    THROTTLED = "throttled", "Too many attempts"


# All refusals count alike: a throttle that spared used-up keys would tell which ones exist.
NOT_A_REFUSAL = (Outcome.REGISTERED, Outcome.ALREADY_BOUND, Outcome.THROTTLED)
