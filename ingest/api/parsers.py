"""Request bodies: read whole, inflated within limits, or drained when nobody wants them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from django.http import HttpRequest
from django.http.request import UnreadablePostError

from ingest.errors import InvalidMultipart, RequestTooLarge
from ingest.parsing.multipart_form import PIECE_BYTES

_GZIP = 31  # zlib's window bits for a gzip header and trailer


def content_length(request: HttpRequest) -> int:
    """Return the announced size in bytes: nginx always announces it, 0 where there is no body."""
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


def read(request: HttpRequest, limit: int) -> bytes:
    """Return the body; raise ``RequestTooLarge`` beyond ``limit`` bytes.

    A body shorter than announced raises ``InvalidMultipart``: it was cut on its way.
    """
    announced = content_length(request)
    if announced > limit:
        raise _too_large(limit)
    try:
        body = b"".join(_pieces(request))
    except UnreadablePostError as error:
        raise InvalidMultipart("The body ended early.") from error
    if len(body) != announced:
        raise InvalidMultipart("The body is shorter than its Content-Length.")
    return body


def _pieces(request: HttpRequest) -> Iterator[bytes]:
    # Asked for all at once, gunicorn copies all of it several times over.
    while piece := request.read(PIECE_BYTES):
        yield piece


def inflate(body: bytes, limit: int) -> bytes:
    """Return the content of gzip members; raise ``RequestTooLarge`` beyond ``limit`` bytes."""
    parts: list[bytes] = []
    left = limit
    while body:
        inflater = zlib.decompressobj(_GZIP)
        try:
            part = inflater.decompress(body, left + 1)
        except zlib.error as error:
            raise InvalidMultipart("The gzip stream is damaged.") from error
        left -= len(part)
        if left < 0:
            raise _too_large(limit)
        if not inflater.eof:
            raise InvalidMultipart("The gzip stream ends early.")
        parts.append(part)
        body = inflater.unused_data
    return parts[0] if len(parts) == 1 else b"".join(parts)


def drain(request: HttpRequest) -> None:
    """Read what is left of the body: an answer that overtakes it would be lost on its way."""
    try:
        while request.read(PIECE_BYTES):
            pass
    except UnreadablePostError:
        return


def _too_large(limit: int) -> RequestTooLarge:
    return RequestTooLarge(f"A body may have {limit:,} bytes, counted after inflating.")
