"""The floor: a bare WSGI application and one durable INSERT, the least that can be promised."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from typing import Any

import psycopg

from benchmarks.baselines.bare_wsgi import OK, read_body
from device_endpoint.env import read_database_url

TABLE = """
CREATE TABLE IF NOT EXISTS digests (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sha256 bytea NOT NULL,
    size integer NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now()
)
"""
COUNT = "SELECT count(*) FROM digests"


@cache
def _connection() -> psycopg.Connection[Any]:
    # One for each worker, opened at its first request.
    return psycopg.connect(read_database_url(), autocommit=True, prepare_threshold=0)


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Insert the body's digest and size, and answer when it is committed."""
    body = read_body(environ)
    _connection().execute(
        "INSERT INTO digests (sha256, size) VALUES (%b, %b)",
        [hashlib.sha256(body).digest(), len(body)],
    )
    start_response("200 OK", OK)
    return [b"{}"]
