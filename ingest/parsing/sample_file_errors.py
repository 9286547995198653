"""Explain an unreadable line: position, content and hint. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ingest.escaping import MARKUP, escape

MAX_GOT_LENGTH = 40

_TIME_PART = re.compile(rb"[0-9]{0,16}")
_VALUE_PART = re.compile(rb"-?(?:[0-9]{1,20}(?:\.[0-9]{0,20})?)?")


@dataclass(frozen=True, slots=True)
class LineError:
    """One unreadable place; line and column count from 1 (0: the file as a whole).

    ``got`` is the line's content, escaped, of at most ``MAX_GOT_LENGTH`` characters.
    """

    line: int
    column: int
    got: str
    hint: str

    def as_json(self) -> dict[str, object]:
        return {
            "line": self.line,
            "column": self.column,
            "got": self.got,
            "hint": self.hint,
        }


def _escape_line(line: bytes) -> str:
    return escape(
        line[: 4 * MAX_GOT_LENGTH].decode("utf-8", "surrogateescape"), MAX_GOT_LENGTH, also=MARKUP
    )


def explain_line(number: int, line: bytes) -> LineError:
    """Return the error of a line that is not ``epoch_milliseconds,value``."""
    hint = next(hint for applies, hint in _HINTS if applies(number, line))
    return LineError(number, _find_bad_column(line), _escape_line(line), hint)


def explain_time(
    number: int,
    line: bytes,
    time_ms: int,
    in_window: Callable[[int], bool],
    dates: tuple[str, str],
) -> LineError:
    """Return the error of a timestamp outside the window with these first and last ``dates``."""
    if in_window(time_ms * 1000):
        hint = "These look like seconds: multiply by 1000."
    elif in_window(time_ms // 1000):
        hint = "These look like microseconds: divide by 1000."
    else:
        hint = f"Accepted: {dates[0]} to {dates[1]}. Is the device's clock wrong?"
    return LineError(number, 1, _escape_line(line), hint)


def _find_bad_column(line: bytes) -> int:
    time_end = _match_end(_TIME_PART, line, 0)
    if time_end == 0 or line[time_end : time_end + 1] != b",":
        return time_end + 1
    return _match_end(_VALUE_PART, line, time_end + 1) + 1


def _match_end(part: re.Pattern[bytes], line: bytes, start: int) -> int:
    match = part.match(line, start)
    return match.end() if match else start


def _is_decimal_comma(line: bytes) -> bool:
    return re.fullmatch(rb"[0-9]{1,16},-?[0-9]{1,20},[0-9]{1,20}", line) is not None


# The first rule that applies gives the hint; the last one always applies.
_HINTS: list[tuple[Callable[[int, bytes], bool], str]] = [
    (lambda n, line: line == b"", "An empty line: allowed at the end of the file only."),
    (
        lambda n, line: n == 1 and line[:2] in (b"\xff\xfe", b"\xfe\xff"),
        "UTF-16: send the file as ASCII or UTF-8.",
    ),
    (lambda n, line: b"\x00" in line, "A NUL byte: this is not a text file, or it is UTF-16."),
    (lambda n, line: b"\r" in line, "A lone carriage return: end lines with LF or CRLF."),
    (
        lambda n, line: line.startswith(b"\xef\xbb\xbf"),
        "A byte order mark inside the file: remove it.",
    ),
    (lambda n, line: b'"' in line or b"'" in line, "Quotes: send numbers without them."),
    (lambda n, line: b";" in line, "A semicolon: separate time and value by a comma."),
    (lambda n, line: _is_decimal_comma(line), "A decimal comma? Use a point: 95.5, not 95,5."),
    (lambda n, line: line.count(b",") > 1, "Too many columns: send time and value only."),
    (
        lambda n, line: n == 1 and line[:1].isalpha(),
        "A header row? Send data lines only: epoch_milliseconds,value.",
    ),
    (lambda n, line: b"," not in line, "The comma is missing: epoch_milliseconds,value."),
    (lambda n, line: line.startswith(b","), "The time is missing: epoch_milliseconds,value."),
    (lambda n, line: line.endswith(b","), "The value is missing: epoch_milliseconds,value."),
    (lambda n, line: line.startswith(b"-"), "A negative time: epoch milliseconds have no sign."),
    (lambda n, line: b" " in line or b"\t" in line, "A blank: send digits, comma, digits only."),
    (lambda n, line: b"+" in line, "A plus sign: leave it out."),
    (
        lambda n, line: re.search(rb",-?(nan|inf)", line, re.IGNORECASE) is not None,
        "Not a number: leave the sample out instead.",
    ),
    (
        lambda n, line: re.search(rb",-?[0-9.]+[eE]", line) is not None,
        "An exponent: write the number out, such as 0.00015.",
    ),
    (
        lambda n, line: re.match(rb"[0-9]{17}", line) is not None,
        "More than 16 digits of time. Nanoseconds? Send milliseconds.",
    ),
    (
        lambda n, line: re.match(rb"[0-9]+\.[0-9]+,", line) is not None,
        "A fraction in the time. Seconds? Send whole milliseconds.",
    ),
    (
        lambda n, line: re.search(rb"[0-9]{21}", line) is not None,
        "More than 20 digits before or after the point: round the value.",
    ),
    (lambda n, line: True, "Not epoch_milliseconds,value, such as 1526292559214,95.5."),
]
