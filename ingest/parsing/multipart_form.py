"""Multipart framing, strictly: whole parts, or a refusal. Pure.

RFC 7578 with CRLF: a preamble of 1 KB at most, nothing but CRLF after the closing delimiter. A
body that was cut anywhere is refused whole, where a lenient parser would store what it has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from multipart import MultipartError, MultipartSegment, PushMultipartParser

from ingest.errors import InvalidMultipart, TooManyFiles

MAX_PREAMBLE = 1024
MAX_BOUNDARY = 70  # RFC 2046, section 5.1.1
PIECE_BYTES = 1 << 18  # what stays in a processor's cache while it is copied
_PLAIN_ENCODINGS = ("", "7bit", "8bit", "binary")
_SAID_ONCE = ("Content-Disposition", "Content-Type", "Content-Transfer-Encoding")
# A value without quotes goes on to the next semicolon: a boundary may hold characters that
# ought to be quoted, and the protocol document's own, unfolded, holds a blank.
_PARAMETER = re.compile(r';[ \t]*([^;=" \t]+)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^;"]*)')


@dataclass(frozen=True, slots=True)
class Part:
    """One part, texts as the device told them (an absent file name is "")."""

    name: str
    filename: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Framed:
    """The parts of a body; ``lenient`` if its delimiter was not the one that RFC 7578 wants."""

    parts: list[Part]
    lenient: bool


def boundary_of(content_type: str) -> str:
    """Return the boundary parameter of a multipart ``Content-Type``."""
    found = [
        value.strip(" \t")
        for name, value in _PARAMETER.findall(content_type)
        if name.lower() == "boundary"
    ]
    if len(found) > 1:
        raise InvalidMultipart("The Content-Type has more than one boundary parameter.")
    boundary = _unquoted(found[0]) if found else ""
    if not boundary:
        raise InvalidMultipart("The Content-Type has no boundary parameter.")
    if len(boundary) > MAX_BOUNDARY or not boundary.isascii() or not boundary.isprintable():
        raise InvalidMultipart("A boundary is 1 to 70 printable ASCII characters.")
    return boundary


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def split(body: bytes, boundary: str, *, lenient: bool, max_files: int) -> Framed:
    """Return the parts of ``body``.

    With ``lenient``, a delimiter line that is the boundary itself, or differs from it only in
    the number of dashes in front, is taken for what was meant. Raises ``InvalidMultipart`` where
    the framing is damaged or there is no part, and ``TooManyFiles``.
    """
    if not body:
        raise InvalidMultipart("The body is empty.")
    delimiter = b"--" + boundary.encode()
    meant = _delimiter_as_sent(body, boundary.encode()) if lenient else None
    if meant is not None and meant != delimiter:
        return Framed(_parts(*_with_two_dashes(body, meant), max_files), lenient=True)
    return Framed(_parts(body, delimiter, max_files), lenient=False)


def _delimiter_as_sent(body: bytes, boundary: bytes) -> bytes | None:
    """Return the body's first line if, dashes apart, it is the boundary."""
    line = body[: body.find(b"\r\n", 0, MAX_BOUNDARY + 10)]
    core = boundary.lstrip(b"- ")
    return line if core and line.lstrip(b"-") == core else None


def _with_two_dashes(body: bytes, delimiter: bytes) -> tuple[bytes, bytes]:
    # The parser knows delimiters that begin with two dashes. Only lines that are a delimiter
    # get them: a line of data may begin with a short one. And no line of data may look like a
    # delimiter afterwards.
    if delimiter.startswith(b"--"):
        return body, delimiter
    if b"\r\n--" + delimiter in body:
        raise InvalidMultipart("The delimiter lines differ in their dashes.")
    line = re.compile(rb"\r\n(?=" + re.escape(delimiter) + rb"(?:--)?(?:\r\n|\Z))")
    return b"--" + line.sub(b"\r\n--", body), b"--" + delimiter


def _parts(body: bytes, delimiter: bytes, max_files: int) -> list[Part]:
    start = body.find(delimiter, 0, MAX_PREAMBLE + len(delimiter))
    # A preamble with a part's header is a part whose own delimiter is damaged.
    if start < 0 or b"content-disposition" in body[:start].lower():
        raise InvalidMultipart(
            "The body does not begin with the delimiter: two dashes and the boundary, then CRLF."
        )
    end = _end_of_parts(body, delimiter)
    try:
        parts = _parse(body, end, delimiter, max_files)
    except (MultipartError, UnicodeError) as error:
        raise InvalidMultipart(f"The framing is damaged: {_plain(str(error))}.") from error
    if not parts:
        raise InvalidMultipart("The body holds no file.")
    if body[end:] not in (b"", b"\r\n"):
        raise InvalidMultipart("There are bytes after the closing delimiter.")
    return parts


def _end_of_parts(body: bytes, delimiter: bytes) -> int:
    """Return where the closing delimiter ends, or the body if it has none."""
    closing = b"\r\n" + delimiter + b"--"
    start = body.find(closing)
    return len(body) if start < 0 else start + len(closing)


def _plain(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()[:80].rstrip(".")


def _parse(body: bytes, end: int, delimiter: bytes, max_files: int) -> list[Part]:
    parts: list[Part] = []
    with PushMultipartParser(delimiter[2:], strict=True) as parser:
        segment: MultipartSegment | None = None
        pieces: list[bytes] = []
        for event in _events(parser, body, end):
            if isinstance(event, MultipartSegment):
                if len(parts) == max_files:
                    raise TooManyFiles(f"A request may hold {max_files} files.")
                segment, pieces = event, []
            elif event is None:
                parts.append(_part(segment, b"".join(pieces)))
            else:
                pieces.append(event)
    return parts


def _events(
    parser: PushMultipartParser, body: bytes, end: int
) -> Iterator[MultipartSegment | bytes | None]:
    # The parser copies what it is given, which costs least in pieces.
    for start in range(0, end, PIECE_BYTES):
        yield from parser.parse(body[start : min(start + PIECE_BYTES, end)])


def _part(segment: MultipartSegment, content: bytes) -> Part:
    _refuse_what_is_said_twice(segment)
    encoding = (segment.header("Content-Transfer-Encoding") or "").strip().lower()
    if encoding not in _PLAIN_ENCODINGS:
        raise InvalidMultipart(
            "A part has a Content-Transfer-Encoding: send its bytes as they are."
        )
    content_type = segment.header("Content-Type") or ""
    if content_type.strip().lower().startswith("multipart/"):
        raise InvalidMultipart("A part is multipart itself: send each file as a part of its own.")
    return Part(segment.name, segment.filename or "", content_type, content)


def _refuse_what_is_said_twice(segment: MultipartSegment) -> None:
    # Of two readers one may take the first and one the last.
    said = [header for header, _ in segment.headerlist if header in _SAID_ONCE]
    disposition = segment.header("Content-Disposition") or ""
    said += [
        name.lower()
        for name, _ in _PARAMETER.findall(disposition)
        if name.lower() in ("name", "filename")
    ]
    if len(said) != len(set(said)):
        raise InvalidMultipart("A part says its name, its kind or its encoding twice.")
