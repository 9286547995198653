"""Explains what is wrong with a line of a measurement file, where, and what to do about it. Pure.

The rules of a table are tried in their order, and the first that applies is reported.
docs/reference/protocol.md lists them from these tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ingest.escaping import MARKUP, escape
from ingest.parsing.samples import TimeWindow

MAX_GOT_LENGTH = 40
ERASED = b"\x00\xff"  # what memory holds where nothing has been written

_TIME_PREFIX = re.compile(rb"[0-9]{0,16}(?:(?<=[0-9])\.[0-9]{0,3})?")
_VALUE_PREFIX = re.compile(
    rb"[+-]?(?:[0-9]{1,20}(?:\.[0-9]{0,20})?(?:(?<=[0-9])[eE][+-]?[0-9]{0,3})?)?"
)


@dataclass(frozen=True, slots=True)
class LineError:
    r"""One unreadable place: ``line``, ``column`` and ``field`` count from 1.

    Zeros stand for the file as a whole. ``got`` is the line as
    found, escaped (``\xff`` for a byte), of at most 40 characters.
    """

    line: int
    column: int
    got: str
    hint: str
    field: int = 0

    def as_json(self) -> dict[str, object]:
        """Return the members of the error's JSON object."""
        return {
            "line": self.line,
            "column": self.column,
            "field": self.field,
            "got": self.got,
            "hint": self.hint,
        }


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason why a line is refused.

    ``find`` returns the position in the line, or in the field for rules of fields, None where
    the rule does not apply. ``example`` is a line to which it applies.
    """

    find: Callable[[bytes], int | None]
    hint: str
    example: str


def _match(pattern: bytes, flags: int = 0) -> Callable[[bytes], int | None]:
    """Return a rule's ``find``: the start of the first group, or of the match."""
    compiled = re.compile(pattern, flags)

    def find(text: bytes) -> int | None:
        found = compiled.search(text)
        return None if found is None else found.start(1 if compiled.groups else 0)

    return find


UTF_16 = Rule(
    _match(rb"\A(?:\xff\xfe|\xfe\xff)"),
    "UTF-16: send the file as ASCII or UTF-8.",
    "\ufeff1526292559214,95 in UTF-16",
)
LINE_RULES = (
    Rule(_match(rb"\A\Z"), "An empty line: allowed at the end of the file only.", ""),
    Rule(
        _match(rb"\x00"),
        "A NUL byte: this is not a text file, or it is UTF-16.",
        "1526292559214\\x00,95",
    ),
    Rule(
        _match(rb"\r"), "A lone carriage return: end lines with LF or CRLF.", "1526292559214,95\\r"
    ),
    Rule(
        _match(rb"\xef\xbb\xbf"),
        "A byte order mark amid the file: remove it.",
        "\\xef\\xbb\\xbf1526292559214,95",
    ),
    Rule(_match(rb"[\"']"), "Quotes: send fields without them.", '"1526292559214","95"'),
    Rule(
        _match(rb";"),
        "A semicolon: separate fields by commas, and write decimals with a point.",
        "1526292559214;95,5",
    ),
    Rule(
        _match(rb"\A[^,\t]*(\t)[^,]*\Z"),
        "A tab: separate fields by commas.",
        "1526292559214\\t95",
    ),
    Rule(
        _match(rb"\A[^,|]*(\|)[^,]*\Z"),
        "A vertical bar: separate fields by commas.",
        "1526292559214|95",
    ),
    Rule(
        _match(rb"\A[0-9.]+( )[^,]*\Z"),
        "A blank between two fields: separate fields by commas.",
        "1526292559214 95",
    ),
    Rule(
        _match(rb"\A[^,]*()\Z"),
        "The comma is missing: epoch_milliseconds,value.",
        "1526292559214",
    ),
)
TIME_RULES = (
    Rule(_match(rb"\A\Z"), "The time is missing: epoch_milliseconds,value.", ",95"),
    Rule(_match(rb"\A\s|\s\Z"), "A blank beside the time: remove it.", " 1526292559214,95"),
    Rule(
        _match(rb"\A[0-9]+(?:\.[0-9]*)?([eE])[+-]?[0-9]+\Z"),
        "An exponent in the time: a spreadsheet has rounded it. Export again with all digits.",
        "1.52629E+12,95",
    ),
    Rule(
        _match(rb"\A[0-9]{1,4}([-/:.])[0-9]{1,2}[-/:. ]"),
        "A date: send the time as epoch milliseconds, such as 1526292559214.",
        "2018-05-14T12:09:19+02:00,95",
    ),
    Rule(_match(rb"\A-"), "A negative time: epoch milliseconds have no sign.", "-1526292559214,95"),
    Rule(_match(rb"\A\+"), "A plus sign in the time: leave it out.", "+1526292559214,95"),
    Rule(
        _match(rb"\A[0-9]{16}([0-9])"),
        "More than 16 digits of time. Nanoseconds? Divide by 1,000,000.",
        "1526292559214000000,95",
    ),
    Rule(
        _match(rb"\A[0-9]+\.[0-9]{3}([0-9])"),
        "More than three decimals in the time: microseconds are the finest. Seconds? Multiply "
        "by 1000.",
        "1526292559214.12345,95",
    ),
    Rule(
        _match(rb"\A[A-Za-z]"),
        "A header line is allowed as the first line only.",
        "time,value",
    ),
    Rule(lambda text: 0, "Not a time in epoch milliseconds, such as 1526292559214.", "#,95"),
)
VALUE_RULES = (
    Rule(
        _match(rb"\A[+-]?(?:nan|inf(?:inity)?|null|none|na|n/a|-+)\Z", re.IGNORECASE),
        "Not a number: leave the cell empty.",
        "1526292559214,nan",
    ),
    Rule(_match(rb"(\s)"), "A blank: send digits only.", "1526292559214, 95"),
    Rule(
        _match(rb"\A[+-]?[0-9]*\.?[0-9]*([0-9]{21})"),
        "More than 20 digits before or after the point: round the value.",
        "1526292559214,0.123456789012345678901",
    ),
    Rule(
        _match(rb"[0-9.][eE][+-]?[0-9]{3}([0-9])"),
        "An exponent of more than three digits: no double is so large or small.",
        "1526292559214,1e1000",
    ),
    Rule(
        _match(rb"\A[+-]?(\.)[0-9]|[0-9](\.)(?:\Z|[eE])"),
        "A point without a digit on both sides: write 0.5, not .5.",
        "1526292559214,.5",
    ),
    Rule(lambda text: 0, "Not a decimal number, such as 95.5.", "1526292559214,0x5f"),
)
DECIMAL_COMMA = "A decimal comma? Use a point: 95.5, not 95,5."
MORE_FIELDS = "{found} fields where the first line has {expected}: send as many in every line."
FEWER_FIELDS = "{found} fields where the first line has {expected}: leave missing values empty."
TOO_MANY_FIELDS = "{found} fields: a line may have a time and 63 values."
NO_VALUE = "No value in this line: leave the line out."
OVERFLOW = "Too large for a double (about 1.8e308)."
ERASED_TAIL = "Cut off by a loss of power? The file is readable up to line {line}."
SECONDS = "These look like seconds: multiply by 1000."
MICROSECONDS = "These look like microseconds: divide by 1000."
OUTSIDE_WINDOW = "Accepted: {first} to {last}. Is the device's clock wrong?"
HEADER_QUOTES = "Quotes in the header line: send its fields without them."
HEADER_LENGTH = "A field of the header line has more than 64 bytes."


def explain_line(
    number: int, line: bytes, expected_fields: int | None, is_rest_erased: bool
) -> LineError:
    """Return the error of a line that does not follow the grammar.

    ``expected_fields`` is the number of fields of the first line, None for that line itself.
    """
    if is_rest_erased:
        kept = len(line.rstrip(ERASED))
        return _error(number, line, kept, ERASED_TAIL.format(line=number - 1))
    if number == 1 and UTF_16.find(line) is not None:
        return _error(number, line, 0, UTF_16.hint)
    for rule in LINE_RULES:
        position = rule.find(line)
        if position is not None:
            return _error(number, line, position, rule.hint)
    return _explain_number_of_fields(number, line, expected_fields) or _explain_fields(number, line)


def _explain_number_of_fields(number: int, line: bytes, expected: int | None) -> LineError | None:
    fields = line.split(b",")
    found = len(fields)
    if expected is None or found == expected:
        if found <= 64:
            return None
        return _error(number, line, _start_of(fields, 64), TOO_MANY_FIELDS.format(found=found))
    if found < expected:
        hint = FEWER_FIELDS.format(found=found, expected=expected)
        return _error(number, line, len(line), hint)
    is_decimal_comma = expected == 2 and re.fullmatch(
        rb"[0-9]{1,16},[+-]?[0-9]{1,20},[0-9]{1,20}", line
    )
    hint = DECIMAL_COMMA if is_decimal_comma else MORE_FIELDS.format(found=found, expected=expected)
    return _error(number, line, _start_of(fields, expected) - 1, hint)


def _explain_fields(number: int, line: bytes) -> LineError:
    fields = line.split(b",")
    for index, text in enumerate(fields):
        prefix = (_VALUE_PREFIX if index else _TIME_PREFIX).match(text)
        good = prefix.end() if prefix else 0
        is_bad = good < len(text) or not _is_complete(text, index)
        if is_bad and not (index and not text):
            rules: Sequence[Rule] = VALUE_RULES if index else TIME_RULES
            rule = next(rule for rule in rules if rule.find(text) is not None)
            return _error(number, line, _start_of(fields, index) + good, rule.hint)
        if index and text and abs(float(text)) == float("inf"):
            return _error(number, line, _start_of(fields, index), OVERFLOW)
    return _error(number, line, len(line), NO_VALUE)


def _is_complete(text: bytes, index: int) -> bool:
    return text[-1:].isdigit()


def explain_time(number: int, line: bytes, time_ms: int, window: TimeWindow) -> LineError:
    """Return the error of a time outside ``window``."""
    if window.holds(time_ms * 1000):
        hint = SECONDS
    elif window.holds(time_ms // 1000):
        hint = MICROSECONDS
    else:
        first, last = window.dates()
        hint = OUTSIDE_WINDOW.format(first=first, last=last)
    return _error(number, line, 0, hint)


def explain_header(line: bytes) -> LineError:
    """Return the error of a first line that begins with a letter and is no header line."""
    quote = re.search(rb"[\"']", line)
    if quote is not None:
        return _error(1, line, quote.start(), HEADER_QUOTES)
    if b"\r" in line:
        return _error(1, line, line.index(b"\r"), LINE_RULES[2].hint)
    fields = line.split(b",")
    index = next(index for index, name in enumerate(fields) if len(name) > 64)
    return _error(1, line, _start_of(fields, index), HEADER_LENGTH)


def _start_of(fields: Sequence[bytes], index: int) -> int:
    return sum(len(text) + 1 for text in fields[:index])


def _error(number: int, line: bytes, position: int, hint: str) -> LineError:
    field = line.count(b",", 0, position) + 1
    return LineError(number, position + 1, show_line(line), hint, field)


def show_line(line: bytes) -> str:
    """Return the beginning of a line, escaped."""
    text = line[: 4 * MAX_GOT_LENGTH]
    # What is no UTF-8 is shown byte by byte; `escape` would show the escape's own backslash.
    pieces = re.split(r"(\\x[0-9a-f]{2})", text.decode("utf-8", "backslashreplace"))
    if text.isascii() or _is_utf_8(text):
        return escape(text.decode("utf-8", "replace"), MAX_GOT_LENGTH, also=MARKUP)
    shown = "".join(
        piece if index % 2 else escape(piece, len(piece) * 10 + 1, also=MARKUP)
        for index, piece in enumerate(pieces)
    )
    return shown if len(shown) <= MAX_GOT_LENGTH else shown[: MAX_GOT_LENGTH - 1] + "…"


def _is_utf_8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return error.end == len(text)  # cut within a character
    return True
