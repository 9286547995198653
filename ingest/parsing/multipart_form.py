"""Parse multipart bodies strictly (RFC 7578): all parts or an error. Pure.

The preamble is at most 1 KB, and only white space may follow the closing delimiter. A body that
was cut anywhere is refused whole, where a lenient parser would return the parts it has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ingest.parsing.part_headers import InvalidMultipart, PartHeaders, read_part_headers

MAX_PREAMBLE_BYTES = 1024
MAX_BOUNDARY_LENGTH = 70  # RFC 2046, section 5.1.1
MAX_FIELD_BYTES = 1024
# A value without quotes extends to the next semicolon: boundaries may hold characters that should
# be quoted, and the one in the protocol document, unfolded, holds a blank.
_PARAMETER = re.compile(r';[ \t]*([^;=" \t]+)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^;"]*)')
# RFC 1867, which RFC 7578 replaced, has a comma where a semicolon belongs.
_COMMA = re.compile(r"([^;,]*),(?=[ \t]*boundary[ \t]*=)", re.IGNORECASE)
_REST_OF_LINE = re.compile(rb"[ \t]*\r\n")
_EPILOGUE = re.compile(rb"[ \t\r\n]*\Z")
_MEASUREMENT_LINE = re.compile(rb"^[0-9]{9}", re.MULTILINE)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


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
    """The files of a body; ``lenient`` if its delimiter violated RFC 7578.

    ``ignored`` are the names of the parts that are no files: fields and empty inputs of a form.
    """

    parts: list[Part]
    ignored: list[str]
    lenient: bool


def read_media_type(content_type: str) -> str:
    """Return the media type of a ``Content-Type`` in lower case, without its parameters."""
    return _with_semicolon(content_type).partition(";")[0].strip().lower()


def _with_semicolon(content_type: str) -> str:
    comma = _COMMA.match(content_type)
    return content_type if comma is None else f"{comma[1]};{content_type[comma.end() :]}"


def read_boundary(content_type: str) -> str:
    """Return the boundary parameter of a multipart ``Content-Type``."""
    boundaries = [
        value.strip(" \t")
        for name, value in _PARAMETER.findall(_with_semicolon(content_type))
        if name.lower() == "boundary"
    ]
    if len(boundaries) > 1:
        raise InvalidMultipart("The Content-Type has more than one boundary parameter.")
    # A blank at the end is padding.
    boundary = _unquote(boundaries[0]).rstrip(" ") if boundaries else ""
    if not boundary:
        raise InvalidMultipart("The Content-Type has no boundary parameter.")
    if len(boundary) > MAX_BOUNDARY_LENGTH or not boundary.isascii() or not boundary.isprintable():
        raise InvalidMultipart("A boundary is 1 to 70 printable ASCII characters.")
    return boundary


def _unquote(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def split(body: bytes, boundary: str, *, lenient: bool, max_files: int) -> MultipartForm:
    """Return the files of ``body``.

    With ``lenient``, a delimiter line may be the boundary itself, or differ from it only in the
    number of leading dashes. Raises ``InvalidMultipart`` if the framing is damaged or there is no
    file, and ``TooManyFiles``.
    """
    if not body:
        raise InvalidMultipart("The body is empty.")
    delimiter = b"--" + boundary.encode()
    sent = _find_sent_delimiter(body, boundary.encode()) if lenient else None
    form = MultipartForm([], [], lenient=sent is not None and sent != delimiter)
    for headers, content in _parts(body, sent or delimiter, max_files):
        if _is_file(headers, content):
            part = Part(headers.name, headers.filename or "", headers.content_type, content)
            form.parts.append(part)
        else:
            form.ignored.append(headers.name)
    if not form.parts:
        raise InvalidMultipart("The body holds no file: send each as a part with a file name.")
    return form


def _is_file(headers: PartHeaders, content: bytes) -> bool:
    """Return False for a text field beside the files, and for a file input that was left empty.

    A part without a file name is a file if a line of it may be one of measurements.
    """
    if headers.filename is not None:
        return bool(content or headers.filename)
    if len(content) > MAX_FIELD_BYTES:
        return True
    return _MEASUREMENT_LINE.search(content.removeprefix(_BYTE_ORDER_MARK)) is not None


def _find_sent_delimiter(body: bytes, boundary: bytes) -> bytes | None:
    """Return the body's first line if it is the boundary, apart from leading dashes."""
    line = body[: body.find(b"\r\n", 0, MAX_BOUNDARY_LENGTH + 10)].rstrip(b" \t")
    core = boundary.lstrip(b"- ")
    return line if core and line.lstrip(b"-") == core else None


def _parts(body: bytes, delimiter: bytes, max_files: int) -> Iterator[tuple[PartHeaders, bytes]]:
    """Yield each part; raise once the framing turns out to be damaged, at the end at the latest."""
    find_delimiter = _delimiter_finder(body, delimiter)
    position = _find_first_delimiter(body, delimiter) + len(delimiter)
    count = 0
    while not body.startswith(b"--", position):
        count += 1
        if count > max_files:
            raise TooManyFiles(f"A request may hold {max_files} files.")
        headers, start = read_part_headers(body, _skip_line_end(body, position))
        # A part without content may lack the line break after its headers (RFC 2046).
        end = find_delimiter(start - 2)
        if end < 0:
            raise InvalidMultipart("The body ends without the closing delimiter.")
        yield headers, body[start:end]
        position = end + len(b"\r\n") + len(delimiter)
    if not _EPILOGUE.match(body, position + 2):
        raise InvalidMultipart("There are bytes after the closing delimiter.")


def _find_first_delimiter(body: bytes, delimiter: bytes) -> int:
    if body.startswith(delimiter):
        return 0
    start = body.find(b"\r\n" + delimiter, 0, MAX_PREAMBLE_BYTES + len(delimiter)) + 2
    # A preamble with a part header is a part whose delimiter is damaged.
    if start < 2 or b"content-disposition" in body[:start].lower():
        raise InvalidMultipart(
            "The body does not begin with the delimiter: two dashes and the boundary, then CRLF."
        )
    return start


def _skip_line_end(body: bytes, position: int) -> int:
    padded = _REST_OF_LINE.match(body, position)
    if padded:
        return padded.end()
    if len(body) - position < 2:
        raise InvalidMultipart("The body ends within a delimiter.")
    raise InvalidMultipart("After a delimiter there is something else than CRLF.")


def _delimiter_finder(body: bytes, delimiter: bytes) -> Callable[[int], int]:
    """Return a function that finds the line break before the next delimiter, -1 for none."""
    if delimiter.startswith(b"--"):
        needle = b"\r\n" + delimiter
        return lambda start: body.find(needle, start)
    # A line of data may begin with a delimiter that lacks its dashes: only whole lines count.
    # And no line may look like the delimiter that the dashes would make.
    if b"\r\n--" + delimiter in body:
        raise InvalidMultipart("The delimiter lines differ in their dashes.")
    line = re.compile(
        rb"\r\n" + re.escape(delimiter) + rb"(?=(?:--)?[ \t]*(?:\r\n|\Z)|--[ \t\r\n]*\Z)"
    )

    def find(start: int) -> int:
        found = line.search(body, start)
        return -1 if found is None else found.start()

    return find
