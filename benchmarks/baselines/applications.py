"""WSGI applications of the baselines without Django."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import cache
from typing import Any

import psycopg

from device_endpoint.env import read_database_url

Response = Iterable[bytes]
_HEADERS = [("Content-Type", "application/json"), ("Content-Length", "2")]
_FIELD_NAME = re.compile(rb'name="([^"]+)"')

DIGESTS_SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS digests (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        sha256 bytea NOT NULL,
        size integer NOT NULL,
        received_at timestamptz NOT NULL DEFAULT now()
    )
    """,
)
ROWS_SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS series (
        id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        device bytea NOT NULL,
        name text NOT NULL,
        UNIQUE (device, name)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS samples (
        series integer NOT NULL,
        time_ms bigint NOT NULL,
        value double precision NOT NULL,
        PRIMARY KEY (series, time_ms)
    )
    """,
)
_INCOMING = "CREATE TEMPORARY TABLE incoming (time_ms bigint, value float8) ON COMMIT DELETE ROWS"
_SERIES = """
INSERT INTO series (device, name) VALUES (%s, %s)
ON CONFLICT (device, name) DO UPDATE SET name = excluded.name
RETURNING id
"""
_STORE = """
INSERT INTO samples (series, time_ms, value)
SELECT %s, time_ms, value FROM incoming
ON CONFLICT (series, time_ms) DO UPDATE SET value = excluded.value
"""


@cache
def _connection() -> psycopg.Connection[Any]:
    # One for each worker, opened at its first request.
    return psycopg.connect(read_database_url(), autocommit=True, prepare_threshold=0)


def _read_body(environ: dict[str, Any]) -> bytes:
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    return body


def bare_app(environ: dict[str, Any], start_response: Any) -> Response:
    """Read and drop the body: what nginx and gunicorn alone can do."""
    _read_body(environ)
    start_response("200 OK", _HEADERS)
    return [b"{}"]


def durable_insert(environ: dict[str, Any], start_response: Any) -> Response:
    """Insert the body's digest and size in one commit, the least that can be promised."""
    body = _read_body(environ)
    _connection().execute(
        "INSERT INTO digests (sha256, size) VALUES (%b, %b)",
        [hashlib.sha256(body).digest(), len(body)],
    )
    start_response("200 OK", _HEADERS)
    return [b"{}"]


@cache
def _create_incoming() -> None:
    _connection().execute(_INCOMING)


@cache
def _series_id(certificate: str, name: str) -> int:
    device = hashlib.sha256(certificate.encode()).digest()
    row = _connection().execute(_SERIES, [device, name]).fetchone()
    return int(row[0]) if row else 0


def copy_rows(environ: dict[str, Any], start_response: Any) -> Response:
    """Store a row for each sample: COPY, then INSERT into (series, time) with conflicts.

    PostgreSQL itself parses the lines; certificate and name identify the series.
    """
    head, _, rest = _read_body(environ).partition(b"\r\n\r\n")
    content = rest[: rest.rindex(b"\r\n--")]
    match = _FIELD_NAME.search(head)
    _create_incoming()
    series = _series_id(environ["HTTP_X_CLIENT_CERT"], match[1].decode() if match else "")
    with _connection().transaction(), _connection().cursor() as cursor:
        with cursor.copy("COPY incoming (time_ms, value) FROM STDIN (FORMAT csv)") as copy:
            copy.write(content)
        cursor.execute(_STORE, [series])
    start_response("200 OK", _HEADERS)
    return [b"{}"]
