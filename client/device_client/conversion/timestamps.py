"""Times of exports: ISO 8601 with or without a time zone, dates in a named order, epoch numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,:](?P<fraction>\d{1,9}))?)?"
    r"(?: ?(?P<half>[AaPp])[Mm])?"
)
_ZONE = r" ?(?P<zone>Z|UTC|[+-]\d\d(?::?\d\d)?)?"
_ORDERS = {"y": r"(?P<year>\d{4})", "m": r"(?P<month>\d{1,2})", "d": r"(?P<day>\d{1,2})"}
_SECONDS = re.compile(r"([0-5]\d)(?:[.,:](\d{1,9}))?")
_NUMBER = re.compile(r"(\d{9,19})(?:\.(\d{1,9}))?")
# Digits of an epoch number between 1973 and 2286, and how many of them are below the second.
_BELOW_SECOND = {9: 0, 10: 0, 12: 3, 13: 3, 15: 6, 16: 6, 18: 9, 19: 9}
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)?")


def read_zone(text: str) -> tzinfo:
    """Return the time zone ``Europe/Berlin``, ``UTC`` or ``+01:00``; raise ``ValueError``."""
    if text in {"Z", "UTC"}:
        return UTC
    if match := _OFFSET.fullmatch(text):
        offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
        return timezone(-offset if match[1] == "-" else offset)
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(
            f"{text!r} is no time zone: write for example Europe/Berlin, UTC or +01:00"
        ) from error


def _compile_date(date_format: str) -> re.Pattern[str]:
    """Return the pattern of times whose date is written as ``dd.MM.yyyy`` or ``M/d/yyyy``."""
    order = list(dict.fromkeys(re.findall("[ymd]", date_format.lower())))
    if sorted(order) != ["d", "m", "y"]:
        raise ValueError(f"{date_format!r} is no date format: write for example dd.MM.yyyy")
    date = "[-/. ]".join(_ORDERS[part] for part in order)
    return re.compile(f"{date}[ T]{_CLOCK}{_ZONE}")


class TimeReader:
    """Reads times as microseconds since 1970.

    ``zone`` is the time zone of times that name none, None if it is not known. ``date_format`` is
    the order of year, month and day. Messages of ``ValueError`` name the remedy.
    """

    def __init__(self, zone: tzinfo | None = None, date_format: str = "yyyy-MM-dd") -> None:
        self._zone = zone
        self._pattern = _compile_date(date_format)
        # Most lines have the minute of the line before: its text, and its start.
        self._minute = ("-", 0)
        self._minute_us: Callable[[datetime, str], int] = lru_cache(16)(self._compute_minute_us)

    def read(self, text: str) -> int:
        """Return the time in microseconds."""
        prefix, minute_us = self._minute
        if text.startswith(prefix) and (rest := _SECONDS.fullmatch(text, len(prefix))):
            return minute_us + int(rest[1]) * 1_000_000 + _round_fraction(rest[2] or "")
        match = self._pattern.fullmatch(text)
        if match is None:
            return _read_number(text)
        hour = int(match["hour"])
        if match["half"]:
            hour = hour % 12 + (12 if match["half"].lower() == "p" else 0)
        try:
            local = datetime(
                int(match["year"]),
                int(match["month"]),
                int(match["day"]),
                hour,
                int(match["minute"]),
            )
        except ValueError as error:
            raise ValueError(f"{text!r} is no time: {error}") from error
        minute_us = self._minute_us(local, match["zone"] or "")
        second = int(match["second"] or 0)
        if second > 59:
            raise ValueError(f"{text!r} is no time: there is no second {second}")
        if match["second"] and not match["half"] and not match["zone"]:
            self._minute = text[: match.start("second")], minute_us
        return minute_us + second * 1_000_000 + _round_fraction(match["fraction"] or "")

    def _compute_minute_us(self, local: datetime, written: str) -> int:
        zone = read_zone(written) if written else self._zone
        if zone is None:
            raise ValueError(
                f"the time {local} has no time zone: name the logger's, for example "
                "--timezone Europe/Berlin"
            )
        _check_once(local, zone)
        microseconds = (local.replace(tzinfo=zone) - _EPOCH) // timedelta(microseconds=1)
        if microseconds < 0:
            raise ValueError(f"{local} is before 1970: was the logger's clock set?")
        return microseconds


def _check_once(local: datetime, zone: tzinfo) -> None:
    """Raise ``ValueError`` if daylight saving time repeats or leaves out ``local``."""
    first, second = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return
    exists = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local
    what = "occurs twice" if exists else "does not exist"
    offsets = " or ".join(f"--timezone {one.isoformat()[-6:]}" for one in (first, second))
    raise ValueError(
        f"{local} {what} in {zone}, because of daylight saving time: if the logger's clock was not "
        f"changed, name its offset ({offsets}), else split the file there"
    )


def _round_fraction(digits: str) -> int:
    """Return the digits after a second's point in microseconds, rounded to the nearest."""
    nanoseconds = int(digits.ljust(9, "0"))
    return (nanoseconds + 500) // 1000


def _read_number(text: str) -> int:
    match = _NUMBER.fullmatch(text)
    below = _BELOW_SECOND.get(len(match[1])) if match else None
    if match is None or below is None:
        raise ValueError(_explain(text))
    seconds = match[1][: len(match[1]) - below]
    fraction = (match[1][len(seconds) :] + (match[2] or ""))[:9]
    return int(seconds) * 1_000_000 + _round_fraction(fraction)


def _explain(text: str) -> str:
    if re.fullmatch(r"\d[.,]\d+[eE]\+?\d+", text):
        return f"{text!r}: a spreadsheet has rounded the time: export the file again"
    if re.match(r"\d{1,2}[./-]\d{1,2}[./-]\d{4} ", text):
        return f"{text[:40]!r}: name the order of the date, for example --date-format dd.MM.yyyy"
    return (
        f"{text[:40]!r} is no time: expected one like 2019-06-11T18:45:01.25+02:00, or epoch "
        "seconds or milliseconds, in the first column"
    )
