"""What a body may be: JSON with a key, or multipart with files."""

from __future__ import annotations

from typing import Literal

from django.conf import settings
from django.http import HttpRequest

from ingest import metrics
from ingest.api import parsers
from ingest.errors import InvalidJson, UnsupportedContentEncoding, UnsupportedMediaType
from ingest.parsing import multipart_form
from ingest.parsing.registration_json import read_object
from ingest.uploads import UploadedFile

MediaType = Literal["application/json", "multipart/form-data"]
JSON: MediaType = "application/json"
MULTIPART: MediaType = "multipart/form-data"


def media_type(request: HttpRequest) -> MediaType:
    """Return ``JSON`` or ``MULTIPART``; raise the 415 that the content type or encoding earns."""
    kind = request.META.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if kind not in (JSON, MULTIPART):
        raise UnsupportedMediaType
    encoding = _content_encoding(request)
    if encoding not in ("", "identity") and (encoding != "gzip" or kind == JSON):
        raise UnsupportedContentEncoding
    return JSON if kind == JSON else MULTIPART


def _content_encoding(request: HttpRequest) -> str:
    return str(request.META.get("HTTP_CONTENT_ENCODING", "")).strip().lower()


def json_of(request: HttpRequest) -> dict[str, object]:
    """Return the JSON object of a request; raise ``InvalidJson``, ``RequestTooLarge``."""
    body = parsers.read(request, settings.MAX_JSON_BYTES)
    _check_charset(request.META["CONTENT_TYPE"])
    return read_object(body)


def _check_charset(content_type: str) -> None:
    for parameter in content_type.lower().split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip(' "') not in ("utf-8", "utf8", "us-ascii"):
            raise InvalidJson("JSON is UTF-8: leave the charset out.")


def files_of(request: HttpRequest) -> list[UploadedFile]:
    """Return the files of an upload; raise the refusal that the body earns."""
    body = parsers.read(request, settings.MAX_REQUEST_BYTES)
    if _content_encoding(request) == "gzip":
        body = parsers.inflate(body, settings.MAX_REQUEST_BYTES)
    framed = multipart_form.split(
        body,
        multipart_form.boundary_of(request.META["CONTENT_TYPE"]),
        lenient=settings.LENIENT_BOUNDARY,
        max_files=settings.MAX_FILES_PER_REQUEST,
    )
    if framed.lenient:
        metrics.count_lenient_boundary()
    return [
        UploadedFile(part.name, part.filename, part.content_type, part.content)
        for part in framed.parts
    ]
