"""Multipart bodies for tests, made without a library and its conventions."""

from __future__ import annotations

from collections.abc import Iterable

from ingest.parsing.multipart_form import MultipartForm, split

# name, file name (None: absent), content
Sent = tuple[str, str | None, bytes]


def frame(parts: Iterable[Sent], boundary: str = "B", *, delimiter: str | None = None) -> bytes:
    """Return ``parts`` framed by RFC 7578, or with ``delimiter`` in place of its delimiter."""
    line = (f"--{boundary}" if delimiter is None else delimiter).encode()
    body = b""
    for name, filename, content in parts:
        parameter = f'; filename="{filename}"' if filename is not None else ""
        head = f'Content-Disposition: form-data; name="{name}"{parameter}\r\n\r\n'
        body += line + b"\r\n" + head.encode() + content + b"\r\n"
    return body + line + b"--\r\n"


def parse_form(
    body: bytes, boundary: str = "B", *, lenient: bool = True, max_files: int = 100
) -> MultipartForm:
    return split(body, boundary, lenient=lenient, max_files=max_files)


def sent_parts(framed: MultipartForm) -> list[tuple[str, str, bytes]]:
    return [(part.name, part.filename, part.content) for part in framed.parts]
