"""Parse and format instants and time ranges: text in, epoch milliseconds or microseconds out."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_US_PER_MS = 1000
# All samples are inside. In microseconds, the last time still fits 64 bits.
EARLIEST_MS = 0
LATEST_MS = 9 * 10**15

FORMS = (
    "expected ISO 8601 (2019-06-11, 2019-06-11T10:30, 2019-06-11T10:30:00.250Z, "
    "2019-06-11T10:30:00+02:00; UTC where no offset is given) or epoch milliseconds"
)

# Where the times of recordings lie, to recognise other units.
_FIRST_YEAR, _LAST_YEAR = 1970, 2100
_FIRST_MS, _LAST_MS = 946_684_800_000, 4_102_444_800_000

_MARKED_AHEAD_SECONDS = 300
_LENGTHS = ((86_400, "d"), (3_600, "h"), (60, "min"))

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LAST_MOMENT_MS = 250_000_000_000_000  # in the year 9892
_DIGITS = re.compile(r"(-?[0-9]{1,20})(?:\.([0-9]{1,9}))?", re.ASCII)
_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?(Z|[+ -][0-9]{2}(:?[0-9]{2})?)?)?",
    re.ASCII | re.IGNORECASE,
)


class RangeError(ValueError):
    """An invalid range; ``parameter`` names the wrong end."""

    def __init__(self, parameter: str, reason: str) -> None:
        super().__init__(f"{parameter}: {reason}")
        self.parameter = parameter
        self.reason = reason


@dataclass(frozen=True)
class TimeRange:
    """The times ``from_ms <= t < to_ms``; an end that is None is open.

    An end between two milliseconds is rounded up in them, which is exact for times in whole
    milliseconds; ``from_us`` and ``to_us`` have it in microseconds.
    """

    from_ms: int | None = None
    to_ms: int | None = None
    from_us: int | None = None
    to_us: int | None = None

    @classmethod
    def of_microseconds(cls, from_us: int | None, to_us: int | None) -> TimeRange:
        """Return the times ``from_us <= t < to_us``."""
        return cls(_round_up(from_us), _round_up(to_us), from_us, to_us)

    @property
    def first_ms(self) -> int | None:
        """Return the first millisecond that the range has a part of, None if it has no start."""
        return self.from_ms if self.from_us is None else self.from_us // _US_PER_MS

    @property
    def moments(self) -> tuple[datetime | None, datetime | None]:
        """Return both ends as times, to the microsecond."""
        return _to_moment(self.from_us, self.from_ms), _to_moment(self.to_us, self.to_ms)

    def within(self, first_ms: int, last_ms: int) -> tuple[int, int]:
        """Return both ends, with open ones taken from a series' first and last sample.

        The result is empty (both ends equal), never reversed, if range and series are disjoint.
        """
        start = self.from_ms
        end = self.to_ms
        if start is None:
            start = first_ms if end is None else min(first_ms, end)
        if end is None:
            end = max(last_ms + 1, start)
        return start, end

    def within_us(self, first_ms: int, last_ms: int) -> tuple[int, int]:
        """Return what ``within`` does, in microseconds and without rounding."""
        start, end = (each * _US_PER_MS for each in self.within(first_ms, last_ms))
        start = start if self.from_us is None else self.from_us
        return start, max(start, end if self.to_us is None else self.to_us)


def parse_instant(text: str, parameter: str) -> int:
    """Return ``text`` as epoch milliseconds, rounded up, within ``EARLIEST_MS..LATEST_MS``.

    Raises ``RangeError`` as ``parse_microseconds`` does.
    """
    return -(-parse_microseconds(text, parameter) // _US_PER_MS)


def parse_microseconds(text: str, parameter: str) -> int:
    """Return ``text`` as epoch microseconds; finer digits are dropped.

    A number is epoch milliseconds, anything else is ISO 8601. Raises ``RangeError``, also for
    digits that are likely another unit or a date without dashes.
    """
    text = text.strip()
    number = _DIGITS.fullmatch(text)
    if number:
        hint = _explain_digits(number[1])
        if hint:
            raise RangeError(parameter, hint)
        return _clamp(int(number[1]) * _US_PER_MS + int((number[2] or "")[:3].ljust(3, "0")))
    if not _ISO.fullmatch(text):
        raise RangeError(parameter, f"{FORMS}.")
    try:
        moment = datetime.fromisoformat(_to_python_iso(text))
    except ValueError as error:
        raise RangeError(parameter, f"no such time; {FORMS}.") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return _clamp((moment - _EPOCH) // _MICROSECOND)


def parse_range(from_text: str | None, to_text: str | None, prefix: str = "") -> TimeRange:
    """Return the range from ``from_text`` to ``to_text``; None leaves an end open.

    Raises ``RangeError`` for an invalid end, or if the range is reversed; it names the parameters
    ``from`` and ``to`` behind ``prefix``.
    """
    first, last = f"{prefix}from", f"{prefix}to"
    start = parse_microseconds(from_text, first) if from_text is not None else None
    end = parse_microseconds(to_text, last) if to_text is not None else None
    if start is not None and end is not None and start > end:
        raise RangeError(first, f"must not be later than {last}.")
    return TimeRange.of_microseconds(start, end)


def format_instant(time_ms: int) -> str:
    """Return epoch milliseconds as ISO 8601 in UTC: ``2019-06-11T10:30:00.250Z``.

    Years beyond 9999, which Python cannot represent, are returned as the number itself.
    """
    seconds, milliseconds = divmod(time_ms, 1000)
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return f"{time_ms} ms"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"


def format_microseconds(time_us: int) -> str:
    """Return epoch microseconds as ``format_instant`` does, with six decimals where needed."""
    text, fraction = format_instant(time_us // 1000), time_us % 1000
    return f"{text[:-1]}{fraction:03d}Z" if fraction and text.endswith("Z") else text


def format_epoch(time_us: int) -> str:
    """Return epoch microseconds in milliseconds: ``1560250800000`` or ``1560250800000.125``."""
    whole, fraction = divmod(time_us, _US_PER_MS)
    return f"{whole}.{fraction:03d}" if fraction else str(whole)


def describe_ahead(time_ms: int) -> str:
    """Return how far a time lies ahead of the server's clock: ``3 h``; "" up to five minutes."""
    ahead = time_ms / 1000 - time.time()
    if ahead <= _MARKED_AHEAD_SECONDS:
        return ""
    size, unit = next(step for step in _LENGTHS if ahead >= step[0])
    return f"{ahead / size:.1f}".removesuffix(".0") + f" {unit}"


def _explain_digits(text: str) -> str:
    """Return why digits are hardly epoch milliseconds, "" if they may be."""
    number = int(text)
    if len(text) == 4 and _FIRST_YEAR <= number < _LAST_YEAR:
        return f"a year needs dashes: {text}-01-01."
    if len(text) == 8 and _FIRST_YEAR <= number // 10_000 < _LAST_YEAR:
        return f"a date needs dashes: {text[:4]}-{text[4:6]}-{text[6:]}."
    if _FIRST_MS <= number * 1000 < _LAST_MS:
        return "these look like seconds: multiply by 1000."
    if _FIRST_MS <= number // 1000 < _LAST_MS:
        return "these look like microseconds: divide by 1000."
    if _FIRST_MS <= number // 1_000_000 < _LAST_MS:
        return "these look like nanoseconds: divide by 1,000,000."
    return _explain_date(text)


def _explain_date(text: str) -> str:
    """Return how to write a month or a date with a time, "" if ``text`` is neither."""
    form = {6: "%Y%m", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}.get(len(text))
    try:
        moment = datetime.strptime(text, form).replace(tzinfo=UTC) if form else None
    except ValueError:
        return ""
    if moment is None or not _FIRST_YEAR <= moment.year < _LAST_YEAR:
        return ""
    if len(text) == 6:
        return f"a month needs dashes and a day: {moment:%Y-%m-%d}."
    return f"a date and time needs dashes and colons: {moment:%Y-%m-%dT%H:%M:%S}."


def _to_python_iso(text: str) -> str:
    # A "+" that was not percent-encoded in a URL arrives as a blank.
    day, clock = text[:10], text[11:].upper()
    return f"{day}T{clock.replace(' ', '+')}" if clock else day


def _clamp(time_us: int) -> int:
    return max(EARLIEST_MS * _US_PER_MS, min(time_us, LATEST_MS * _US_PER_MS))


def _round_up(time_us: int | None) -> int | None:
    return None if time_us is None else -(-time_us // _US_PER_MS)


def to_moment(time_ms: int) -> datetime:
    """Return epoch milliseconds as a time; those that Python cannot represent as the last one."""
    return _EPOCH + timedelta(milliseconds=min(time_ms, _LAST_MOMENT_MS))


def _to_moment(time_us: int | None, time_ms: int | None) -> datetime | None:
    if time_us is not None:
        return _EPOCH + timedelta(microseconds=min(time_us, _LAST_MOMENT_MS * _US_PER_MS))
    return None if time_ms is None else to_moment(time_ms)
