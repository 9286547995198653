"""The headers of one part of a multipart body, from whatever bytes a client sends. Pure.

The bytes of a header decide nothing but its text: a file name in an odd character set is decoded
as well as possible, and never a reason to refuse a part.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from ingest.parsing.names import decode_text

MAX_HEADERS = 8
MAX_HEADER_BYTES = 4224
_PLAIN_ENCODINGS = ("", "7bit", "8bit", "binary")
# Different readers could use different ones of two values.
_ONCE_PER_PART = ("content-disposition", "content-type", "content-transfer-encoding")
_HEADER_NAME = re.compile(rb"[A-Za-z0-9_-]+")
# A value in quotes, one whose closing quote is missing or escaped, or one without quotes.
_PARAMETER = re.compile(
    r';[ \t]*([^;=" \t]+)[ \t]*=[ \t]*'
    r'("(?:[^"\\]|\\.)*"(?=[ \t]*(?:;|\Z))|"[^"]*"?|[^;"]*)',
    re.DOTALL,
)
# A long file name in pieces (RFC 2231): filename*0*=utf-8''a; filename*1*=b
_PIECE = re.compile(r"filename\*[0-9]{1,2}\*?")
# Character sets that a filename* may name (RFC 5987); any other is guessed.
_CHARSETS = frozenset(
    ("utf-8", "iso-8859-1", "windows-1252", "shift_jis", "euc-jp", "euc-kr", "big5", "gb18030")
)


class InvalidMultipart(ValueError):
    """Damaged framing, or no file; the text is for the person who reads the device's log."""


@dataclass(frozen=True, slots=True)
class PartHeaders:
    """What a part says of itself; ``filename`` is None where it names no file."""

    name: str
    filename: str | None
    content_type: str


def read_part_headers(body: bytes, start: int) -> tuple[PartHeaders, int]:
    """Return the headers that begin at ``start`` and where the part's content begins.

    Raises ``InvalidMultipart`` for a header without a name, a repeated one, or an encoding that
    would have to be undone.
    """
    headers: dict[str, str] = {}
    count = 0
    while (end := body.find(b"\r\n", start, start + MAX_HEADER_BYTES + 2)) != start:
        if end < 0:
            raise _missing_line_end(body, start)
        count += 1
        if count > MAX_HEADERS:
            raise InvalidMultipart(f"A part has more than {MAX_HEADERS} headers.")
        name, value = _split_header(body[start:end])
        if name in headers and name in _ONCE_PER_PART:
            raise InvalidMultipart(f"A part has two {name.title()} headers.")
        headers[name] = value
        start = end + 2
    return _interpret(headers), start + 2


def _missing_line_end(body: bytes, start: int) -> InvalidMultipart:
    if body.find(b"\n", start, start + MAX_HEADER_BYTES) >= 0:
        return InvalidMultipart("The lines of a part's header do not end with CRLF.")
    if len(body) - start > MAX_HEADER_BYTES:
        return InvalidMultipart(f"A part's header is longer than {MAX_HEADER_BYTES} bytes.")
    return InvalidMultipart("The body ends within the header of a part.")


def _split_header(line: bytes) -> tuple[str, str]:
    if line[:1] in (b" ", b"\t"):
        raise InvalidMultipart("A part's header is folded: send each header in one line.")
    name, colon, value = line.partition(b":")
    name = name.strip()
    if not colon or not _HEADER_NAME.fullmatch(name):
        raise InvalidMultipart("A line of a part's header has no name and colon.")
    return name.decode("ascii").lower(), decode_text(value).strip(" \t")


def _interpret(headers: dict[str, str]) -> PartHeaders:
    disposition = headers.get("content-disposition", "")
    if disposition.partition(";")[0].strip().lower() != "form-data":
        raise InvalidMultipart("A part lacks the header Content-Disposition: form-data.")
    if headers.get("content-transfer-encoding", "").lower() not in _PLAIN_ENCODINGS:
        raise InvalidMultipart(
            "A part has a Content-Transfer-Encoding: send its bytes as they are."
        )
    content_type = headers.get("content-type", "")
    if content_type.lower().startswith("multipart/"):
        raise InvalidMultipart("A part is multipart itself: send each file as a part of its own.")
    parameters = [(name.lower(), value) for name, value in _PARAMETER.findall(disposition)]
    names = [_unquote(value) for name, value in parameters if name == "name"]
    if len(names) != 1:
        raise InvalidMultipart("A part has two names." if names else "A part has no name.")
    return PartHeaders(names[0], _find_filename(parameters), content_type)


def _unquote(value: str) -> str:
    """Return a parameter's text, with the escapes of browsers and of older clients undone."""
    value = value[1:].removesuffix('"') if value.startswith('"') else value.rstrip(" \t")
    if '\\"' in value:
        return value.replace("\\\\", "\\").replace('\\"', '"')
    return value.replace("%0D", "\r").replace("%0A", "\n").replace("%22", '"')


def _find_filename(parameters: list[tuple[str, str]]) -> str | None:
    """Return ``filename*`` if it can be decoded, else ``filename``."""
    plain = [_unquote(value) for name, value in parameters if name == "filename"]
    extended = [value for name, value in parameters if name == "filename*"]
    pieces = [(name, _unquote(value)) for name, value in parameters if _PIECE.fullmatch(name)]
    if pieces:
        whole = "".join(value for _, value in pieces)
        (extended if pieces[0][0].endswith("*") else plain).append(whole)
    for value in extended:
        charset, _, rest = value.strip(' \t"').partition("'")
        _, quote, encoded = rest.partition("'")
        if quote:
            return _decode_extended(encoded, charset.lower())
    if extended and not plain:
        return _decode_extended(extended[0].strip(' \t"'), "")
    return _without_windows_folders(plain[0]) if plain else None


def _decode_extended(encoded: str, charset: str) -> str:
    content = unquote_to_bytes(encoded)
    if charset in _CHARSETS:
        try:
            return content.decode(charset)
        except UnicodeDecodeError:
            pass
    return decode_text(content)


def _without_windows_folders(filename: str) -> str:
    # Old browsers send the path on their disk.
    is_path = filename[1:3] == ":\\" or filename.startswith("\\\\")
    return filename.rpartition("\\")[2] if is_path else filename
