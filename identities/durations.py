"""Spans of time as people type them: ``90s``, ``5m``, ``12h``, ``7d``."""

from __future__ import annotations

import re
from datetime import timedelta

LONGEST = timedelta(days=3650)
EXPECTED = "expected a number and s, m, h or d, such as 90s, 5m, 12h or 7d; at most 3650d"

_FORM = re.compile(r"([0-9]{1,9})([smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_duration(text: str) -> timedelta:
    """Return the span that ``text`` names, more than nothing and at most ``LONGEST``.

    Raise ``ValueError``, with a message fit to be shown, for anything else.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration: {EXPECTED}")
    span = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if not timedelta(0) < span <= LONGEST:
        raise ValueError(f"{text!r} is out of range: {EXPECTED}")
    return span


def format_duration(span: timedelta) -> str:
    """Return ``span`` in the largest unit that it is a whole number of, seconds at the least."""
    seconds = round(span.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
