"""What a body may be: JSON with a key, or multipart with files (Django REST framework parsers)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.http import HttpRequest
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from ingest import framing, metrics
from ingest.api import bodies
from ingest.refusals import InvalidJson, UnsupportedContentEncoding, UnsupportedMediaType
from ingest.registration_body import read_psk
from ingest.uploads import UploadedFile

JSON, MULTIPART = "application/json", "multipart/form-data"


def media_type(request: HttpRequest) -> str:
    """Return ``JSON`` or ``MULTIPART``; raise the 415 that the content type or encoding earns."""
    kind = request.META.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if kind not in (JSON, MULTIPART):
        raise UnsupportedMediaType
    encoding = content_encoding(request)
    if encoding not in ("", "identity") and (encoding != "gzip" or kind == JSON):
        raise UnsupportedContentEncoding
    return str(kind)


def content_encoding(request: HttpRequest) -> str:
    """Return how the body is compressed, in lower case; "" if it is not."""
    return str(request.META.get("HTTP_CONTENT_ENCODING", "")).strip().lower()


class PskParser(BaseParser):
    """Reads a registration: the data are the key."""

    media_type = JSON

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the pre-shared key; raise ``InvalidJson`` or ``RequestTooLarge``."""
        request: HttpRequest = stream  # type: ignore[assignment] # the stream is the request
        _check_charset(request.META.get("CONTENT_TYPE", ""))
        return read_psk(bodies.read(request, settings.MAX_JSON_BYTES))


def _check_charset(content_type: str) -> None:
    for parameter in content_type.lower().split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip(' "') not in ("utf-8", "utf8", "us-ascii"):
            raise InvalidJson("JSON is UTF-8: leave the charset out.")


class FilesParser(BaseParser):
    """Reads an upload: the data are its files."""

    media_type = MULTIPART

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return a list of ``UploadedFile``; raise the refusal that the body earns."""
        request: HttpRequest = stream  # type: ignore[assignment] # the stream is the request
        body = bodies.read(request, settings.MAX_REQUEST_BYTES)
        if content_encoding(request) == "gzip":
            body = bodies.inflate(body, settings.MAX_REQUEST_BYTES)
        framed = framing.split(
            body,
            framing.boundary_of(request.META["CONTENT_TYPE"]),
            lenient=settings.LENIENT_BOUNDARY,
            max_files=settings.MAX_FILES,
        )
        if framed.lenient:
            metrics.LENIENT_BOUNDARIES.inc()
        return [
            UploadedFile(part.name, part.filename, part.content_type, part.content)
            for part in framed.parts
        ]


class ByMediaType(BaseContentNegotiation):
    """The one parser that the media type names. Answers are JSON whatever ``Accept`` says."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """Return the parser of the request's media type."""
        kind = media_type(request._request)
        return next(parser for parser in parsers if parser.media_type == kind)
