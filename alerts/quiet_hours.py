"""Quiet hours: the part of each day in which no notification is sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

_FORM = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From ``start`` (inclusive) to ``end`` (exclusive) in ``zone``, also across midnight."""

    start: time
    end: time
    zone: ZoneInfo

    def covers(self, moment: datetime) -> bool:
        """Return whether ``moment``, which has a time zone, is in the quiet hours."""
        at = moment.astimezone(self.zone).time()
        if self.start <= self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end


def parse_quiet_hours(text: str, zone: ZoneInfo) -> QuietHours:
    """Parse ``22:00-07:00``; raise ``ValueError`` for any other form."""
    match = _FORM.fullmatch(text)
    if match is None or match[1] + match[2] == match[3] + match[4]:
        raise ValueError(text)
    hours = [int(group) for group in match.groups()]
    return QuietHours(time(hours[0], hours[1]), time(hours[2], hours[3]), zone)
