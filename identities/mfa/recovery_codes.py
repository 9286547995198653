"""Recovery codes: ten, shown once, each good for one login; kept as keyed digests."""

from __future__ import annotations

import secrets
from typing import Any

from django.utils.crypto import salted_hmac
from django_otp.plugins.otp_static.models import StaticDevice

CODES = 10
# Without those that are mistaken for each other.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
LENGTH = 12


def digest(code: str) -> str:
    """Return what is stored of a code, however it was typed: 16 hex digits."""
    plain = "".join(character for character in code.lower() if character.isalnum())
    return salted_hmac("identities.mfa.recovery_codes", plain, algorithm="sha256").hexdigest()[:16]


def new_codes(user: Any) -> list[str]:
    """Make codes for ``user``, in the place of older ones, and return them."""
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="recovery codes")
    codes = ["".join(secrets.choice(ALPHABET) for _ in range(LENGTH)) for _ in range(CODES)]
    for code in codes:
        device.token_set.create(token=digest(code))
    return ["-".join((code[:4], code[4:8], code[8:])) for code in codes]
