"""Parse multipart bodies strictly (RFC 7578): all parts or an error. Pure.

The preamble is at most 1 KB, and only CRLF may follow the closing delimiter. A body that was cut
anywhere is refused whole, where a lenient parser would return the parts it has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from multipart import MultipartError, MultipartSegment, PushMultipartParser

MAX_PREAMBLE_BYTES = 1024
MAX_BOUNDARY_LENGTH = 70  # RFC 2046, section 5.1.1
CHUNK_BYTES = 1 << 18  # what stays in a processor's cache while it is copied
_PLAIN_ENCODINGS = ("", "7bit", "8bit", "binary")
_ONCE_PER_PART = ("Content-Disposition", "Content-Type", "Content-Transfer-Encoding")
# A value without quotes extends to the next semicolon: boundaries may hold characters that should
# be quoted, and the one in the protocol document, unfolded, holds a blank.
_PARAMETER = re.compile(r';[ \t]*([^;=" \t]+)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^;"]*)')


class InvalidMultipart(ValueError):
    """Damaged framing, or no file; the text is for the person who reads the device's log."""


class TooManyFiles(ValueError):
    """More parts than allowed; the text gives the limit."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part; texts as the device sent them (an absent file name is "")."""

    name: str
    filename: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class MultipartForm:
    """The parts of a body; ``lenient`` if its delimiter violated RFC 7578."""

    parts: list[Part]
    lenient: bool


def read_boundary(content_type: str) -> str:
    """Return the boundary parameter of a multipart ``Content-Type``."""
    boundaries = [
        value.strip(" \t")
        for name, value in _PARAMETER.findall(content_type)
        if name.lower() == "boundary"
    ]
    if len(boundaries) > 1:
        raise InvalidMultipart("The Content-Type has more than one boundary parameter.")
    boundary = _unquote(boundaries[0]) if boundaries else ""
    if not boundary:
        raise InvalidMultipart("The Content-Type has no boundary parameter.")
    if len(boundary) > MAX_BOUNDARY_LENGTH or not boundary.isascii() or not boundary.isprintable():
        raise InvalidMultipart("A boundary is 1 to 70 printable ASCII characters.")
    return boundary


def _unquote(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def split(body: bytes, boundary: str, *, lenient: bool, max_files: int) -> MultipartForm:
    """Return the parts of ``body``.

    With ``lenient``, a delimiter line may be the boundary itself, or differ from it only in the
    number of leading dashes. Raises ``InvalidMultipart`` if the framing is damaged or there is no
    part, and ``TooManyFiles``.
    """
    if not body:
        raise InvalidMultipart("The body is empty.")
    delimiter = b"--" + boundary.encode()
    sent = _find_sent_delimiter(body, boundary.encode()) if lenient else None
    if sent is not None and sent != delimiter:
        return MultipartForm(_parts(*_with_two_dashes(body, sent), max_files), lenient=True)
    return MultipartForm(_parts(body, delimiter, max_files), lenient=False)


def _find_sent_delimiter(body: bytes, boundary: bytes) -> bytes | None:
    """Return the body's first line if it is the boundary, apart from leading dashes."""
    line = body[: body.find(b"\r\n", 0, MAX_BOUNDARY_LENGTH + 10)]
    core = boundary.lstrip(b"- ")
    return line if core and line.lstrip(b"-") == core else None


def _with_two_dashes(body: bytes, delimiter: bytes) -> tuple[bytes, bytes]:
    # The parser requires delimiters that begin with two dashes. Only whole delimiter lines get
    # them, since a line of data may begin with a short delimiter; and no line of data may look
    # like a delimiter afterwards.
    if delimiter.startswith(b"--"):
        return body, delimiter
    if b"\r\n--" + delimiter in body:
        raise InvalidMultipart("The delimiter lines differ in their dashes.")
    line = re.compile(rb"\r\n(?=" + re.escape(delimiter) + rb"(?:--)?(?:\r\n|\Z))")
    return b"--" + line.sub(b"\r\n--", body), b"--" + delimiter


def _parts(body: bytes, delimiter: bytes, max_files: int) -> list[Part]:
    start = body.find(delimiter, 0, MAX_PREAMBLE_BYTES + len(delimiter))
    # A preamble with a part header is a part whose delimiter is damaged.
    if start < 0 or b"content-disposition" in body[:start].lower():
        raise InvalidMultipart(
            "The body does not begin with the delimiter: two dashes and the boundary, then CRLF."
        )
    end = _find_end_of_parts(body, delimiter)
    try:
        parts = _parse(body, end, delimiter, max_files)
    except (MultipartError, UnicodeError) as error:
        raise InvalidMultipart(f"The framing is damaged: {_shorten(str(error))}.") from error
    if not parts:
        raise InvalidMultipart("The body holds no file.")
    if body[end:] not in (b"", b"\r\n"):
        raise InvalidMultipart("There are bytes after the closing delimiter.")
    return parts


def _find_end_of_parts(body: bytes, delimiter: bytes) -> int:
    """Return the end of the closing delimiter, or of the body if it has none."""
    closing = b"\r\n" + delimiter + b"--"
    start = body.find(closing)
    return len(body) if start < 0 else start + len(closing)


def _shorten(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()[:80].rstrip(".")


def _parse(body: bytes, end: int, delimiter: bytes, max_files: int) -> list[Part]:
    parts: list[Part] = []
    with PushMultipartParser(delimiter[2:], strict=True) as parser:
        segment: MultipartSegment | None = None
        chunks: list[bytes] = []
        for event in _events(parser, body, end):
            if isinstance(event, MultipartSegment):
                if len(parts) == max_files:
                    raise TooManyFiles(f"A request may hold {max_files} files.")
                segment, chunks = event, []
            elif event is None:
                parts.append(_part(segment, b"".join(chunks)))
            else:
                chunks.append(event)
    return parts


def _events(
    parser: PushMultipartParser, body: bytes, end: int
) -> Iterator[MultipartSegment | bytes | None]:
    # The parser copies its input, which costs least in chunks that fit the cache.
    for start in range(0, end, CHUNK_BYTES):
        yield from parser.parse(body[start : min(start + CHUNK_BYTES, end)])


def _part(segment: MultipartSegment, content: bytes) -> Part:
    _refuse_repeated_headers(segment)
    encoding = (segment.header("Content-Transfer-Encoding") or "").strip().lower()
    if encoding not in _PLAIN_ENCODINGS:
        raise InvalidMultipart(
            "A part has a Content-Transfer-Encoding: send its bytes as they are."
        )
    content_type = segment.header("Content-Type") or ""
    if content_type.strip().lower().startswith("multipart/"):
        raise InvalidMultipart("A part is multipart itself: send each file as a part of its own.")
    return Part(segment.name, segment.filename or "", content_type, content)


def _refuse_repeated_headers(segment: MultipartSegment) -> None:
    # Different readers could use different ones of two values.
    seen = [header for header, _ in segment.headerlist if header in _ONCE_PER_PART]
    disposition = segment.header("Content-Disposition") or ""
    seen += [
        name.lower()
        for name, _ in _PARAMETER.findall(disposition)
        if name.lower() in ("name", "filename")
    ]
    if len(seen) != len(set(seen)):
        raise InvalidMultipart("A part has two names, file names, types or transfer encodings.")
