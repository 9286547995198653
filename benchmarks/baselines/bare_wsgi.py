"""A bare WSGI application that reads the body: what nginx and gunicorn alone can do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Headers = list[tuple[str, str]]
OK: Headers = [("Content-Type", "application/json"), ("Content-Length", "2")]


def read_body(environ: dict[str, Any]) -> bytes:
    """Return the whole body."""
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    return body


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Read the body and answer."""
    read_body(environ)
    start_response("200 OK", OK)
    return [b"{}"]
