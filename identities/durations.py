"""Durations as people type them: ``90s``, ``5m``, ``12h``, ``7d``."""

from __future__ import annotations

import re
from datetime import timedelta

MAX_DURATION = timedelta(days=3650)
EXPECTED = "expected a number and s, m, h or d, such as 90s, 5m, 12h or 7d; at most 3650d"

_PATTERN = re.compile(r"([0-9]{1,9})([smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_duration(text: str) -> timedelta:
    """Return the duration ``text``, positive and at most ``MAX_DURATION``.

    Raise ``ValueError``, with a message to show to the user, for anything else.
    """
    match = _PATTERN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration: {EXPECTED}")
    duration = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if not timedelta(0) < duration <= MAX_DURATION:
        raise ValueError(f"{text!r} is out of range: {EXPECTED}")
    return duration


def format_duration(duration: timedelta) -> str:
    """Return ``duration`` in the largest unit of which it is a whole number, rounded to seconds."""
    seconds = round(duration.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
