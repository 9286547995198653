"""Request bodies of the device API: JSON with a pre-shared key, or multipart with files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from django.conf import settings
from django.http import HttpRequest
from django.http.request import UnreadablePostError

from ingest.api import metrics
from ingest.api.problem_json import (
    INVALID_JSON,
    INVALID_MULTIPART,
    REQUEST_TOO_LARGE,
    UNSUPPORTED_CONTENT_ENCODING,
    UNSUPPORTED_MEDIA_TYPE,
    ProblemResponse,
    ProblemType,
)
from ingest.parsing import gzip_members, multipart_form
from ingest.parsing.gzip_members import DamagedGzip, InflatedTooLarge
from ingest.parsing.registration_json import parse_object
from ingest.uploads import UploadedFile

MediaType = Literal["application/json", "multipart/form-data"]
JSON: MediaType = "application/json"
MULTIPART: MediaType = "multipart/form-data"
CHUNK_BYTES = 1 << 18  # what stays in a processor's cache while it is copied


def read_media_type(request: HttpRequest) -> MediaType:
    """Return ``JSON`` or ``MULTIPART``; raise a 415 for another type or content encoding."""
    media_type = multipart_form.read_media_type(request.META.get("CONTENT_TYPE", ""))
    if media_type not in (JSON, MULTIPART):
        raise ProblemResponse(UNSUPPORTED_MEDIA_TYPE)
    encoding = _content_encoding(request)
    if encoding not in ("", "identity") and (encoding != "gzip" or media_type == JSON):
        raise ProblemResponse(UNSUPPORTED_CONTENT_ENCODING)
    return JSON if media_type == JSON else MULTIPART


def _content_encoding(request: HttpRequest) -> str:
    encoding = str(request.META.get("HTTP_CONTENT_ENCODING", "")).strip().lower()
    return encoding.removeprefix("x-") if encoding == "x-gzip" else encoding  # RFC 9110, 8.4.1.3


def read_json(request: HttpRequest) -> dict[str, object]:
    """Return the JSON object of a request; raise ``InvalidJson`` or a ``ProblemResponse``."""
    return parse_object(_read_body(request, settings.MAX_JSON_BYTES, if_cut=INVALID_JSON))


@dataclass(frozen=True, slots=True)
class Upload:
    """The files of an upload, and the names of the parts that are none."""

    files: list[UploadedFile]
    ignored: list[str]


def read_upload(request: HttpRequest) -> Upload:
    """Return the parts of an upload; raise ``InvalidMultipart``, ``TooManyFiles`` or a 413."""
    body = _read_body(request, settings.MAX_REQUEST_BYTES, if_cut=INVALID_MULTIPART)
    if _content_encoding(request) == "gzip":
        body = _inflate(body, settings.MAX_REQUEST_BYTES)
    form = multipart_form.split(
        body,
        multipart_form.read_boundary(request.META["CONTENT_TYPE"]),
        lenient=settings.LENIENT_BOUNDARY,
        max_files=settings.MAX_FILES_PER_REQUEST,
    )
    if form.lenient:
        metrics.count_lenient_boundary()
    files = [
        UploadedFile(part.name, part.filename, part.content_type, part.content)
        for part in form.parts
    ]
    return Upload(files, form.ignored)


def read_size_of_large_upload(request: HttpRequest) -> int | None:
    """Return the length of a body that is large, or may be after inflating; None for others."""
    length = _content_length(request)
    is_large = length > settings.MAX_SMALL_BODY_BYTES or _content_encoding(request) == "gzip"
    return length if is_large else None


def _content_length(request: HttpRequest) -> int:
    # nginx always sends Content-Length, 0 where there is no body.
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


def _read_body(request: HttpRequest, limit: int, *, if_cut: ProblemType) -> bytes:
    """Return the body; raise a 413 beyond ``limit`` bytes, ``if_cut`` if its end is missing."""
    length = _content_length(request)
    if length > limit:
        raise body_too_large(limit)
    try:
        body = b"".join(_chunks(request))
    except UnreadablePostError as error:
        raise ProblemResponse(if_cut, "The body ended early.") from error
    if len(body) != length:
        raise ProblemResponse(if_cut, "The body is shorter than its Content-Length.")
    return body


def _chunks(request: HttpRequest) -> Iterator[bytes]:
    # Reading everything at once makes gunicorn copy the whole body several times.
    while chunk := request.read(CHUNK_BYTES):
        yield chunk


def _inflate(body: bytes, limit: int) -> bytes:
    """Return the content of gzip members; raise a 413 beyond ``limit`` bytes."""
    try:
        return gzip_members.inflate(body, limit)
    except DamagedGzip as error:
        raise ProblemResponse(INVALID_MULTIPART, str(error)) from error
    except InflatedTooLarge as error:
        raise body_too_large(limit) from error


def drain(request: HttpRequest) -> None:
    """Read the rest of the body: a connection closed before its end may lose the answer."""
    try:
        while request.read(CHUNK_BYTES):
            pass
    except UnreadablePostError:
        return


def body_too_large(limit: int) -> ProblemResponse:
    """Return the 413 of a body of more than ``limit`` bytes."""
    details = {
        settings.MAX_JSON_BYTES: f"A JSON body may have {limit:,} bytes.",
        settings.MAX_REQUEST_BYTES: f"An upload may have {limit:,} bytes, counted after inflating: "
        "send fewer files in a request, or split the file by time.",
    }
    detail = details.get(limit, f"The body of a request without files may have {limit:,} bytes.")
    return ProblemResponse(REQUEST_TOO_LARGE, detail)
