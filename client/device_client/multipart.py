"""Measurement files as a ``multipart/form-data`` body (RFC 7578), lines ended by CRLF. Pure."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

_ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


@dataclass(frozen=True)
class FilePart:
    """One file to send: the measurement's name, the file name and the file's bytes."""

    name: str
    filename: str
    content: bytes

    @property
    def sha256(self) -> str:
        """The SHA-256 of the content, 64 lower-case hex digits."""
        return hashlib.sha256(self.content).hexdigest()


def choose_boundary(parts: Sequence[FilePart]) -> str:
    """Return a random boundary that occurs in none of ``parts``."""
    while True:
        boundary = secrets.token_hex(16)
        if not any(boundary.encode() in part.content for part in parts):
            return boundary


def encode(parts: Sequence[FilePart], boundary: str) -> bytes:
    """Return the request body with ``parts`` in order."""
    chunks: list[bytes] = []
    for part in parts:
        chunks += [_encode_head(part, boundary), part.content, b"\r\n"]
    return b"".join([*chunks, f"--{boundary}--\r\n".encode()])


def _encode_head(part: FilePart, boundary: str) -> bytes:
    disposition = f'form-data; name="{part.name.translate(_ESCAPES)}"'
    if part.filename:
        disposition += f'; filename="{part.filename.translate(_ESCAPES)}"'
    return (
        f"--{boundary}\r\nContent-Disposition: {disposition}\r\nContent-Type: text/plain\r\n\r\n"
    ).encode()


def content_type(boundary: str) -> str:
    """Return the ``Content-Type`` of a body encoded with ``boundary``."""
    return f"multipart/form-data; boundary={boundary}"
