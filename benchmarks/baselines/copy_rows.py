"""The best design with a row per sample: COPY, then INSERT into (series, time) with conflicts.

PostgreSQL itself reads the lines; the certificate and the name make the series.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import cache
from typing import Any

import psycopg

from benchmarks.baselines.bare_wsgi import OK, read_body
from device_endpoint.env import read_database_url

TABLES = (
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
COUNT = "SELECT count(*) FROM samples"

_NAME = re.compile(rb'name="([^"]+)"')
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
    connection = psycopg.connect(read_database_url(), autocommit=True, prepare_threshold=0)
    connection.execute(_INCOMING)
    return connection


@cache
def _series(certificate: str, name: str) -> int:
    device = hashlib.sha256(certificate.encode()).digest()
    row = _connection().execute(_SERIES, [device, name]).fetchone()
    return int(row[0]) if row else 0


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Store the one file of the request and answer when it is committed."""
    head, _, rest = read_body(environ).partition(b"\r\n\r\n")
    content = rest[: rest.rindex(b"\r\n--")]
    found = _NAME.search(head)
    series = _series(environ["HTTP_X_CLIENT_CERT"], found[1].decode() if found else "")
    with _connection().transaction(), _connection().cursor() as cursor:
        with cursor.copy("COPY incoming (time_ms, value) FROM STDIN (FORMAT csv)") as copy:
            copy.write(content)
        cursor.execute(_STORE, [series])
    start_response("200 OK", OK)
    return [b"{}"]
