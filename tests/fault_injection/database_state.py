"""The content of the database, read by plain SQL without the product's code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import psycopg
import pyarrow as pa

HOUR_MS = 3_600_000

_FILES = """
SELECT m.id::text AS id, i.name AS identity, m.name AS series, m.filename,
       encode(m.sha256, 'hex') AS sha256, m.status, m.size, m.content, m.samples, m.new,
       m.identical, m.replaced, m.first_ms, m.last_ms
FROM ingest_measurement m JOIN identities_identity i ON i.id = m.identity_id
ORDER BY m.sequence
"""
_BLOCKS = """
SELECT i.name AS identity, b.name AS series, b.hour, b.first_ms, b.last_ms, b.sample_count,
       b.minimum, b.maximum, b.total,
       analytics.block_times_us(b.hour, b.first_ms, b.encoding, b.offsets, b.time_steps,
                                b.sample_count) AS times_us,
       analytics.block_values(b.scale, b.minimum, b."values", b.integers, b.small_integers,
                              b.differences) AS "values"
FROM ingest_sampleblock b JOIN identities_identity i ON i.id = b.identity_id
"""
_codec = pa.Codec("zstd")


@dataclass(frozen=True)
class StoredFile:
    """A row of a file; ``content`` holds the bytes that the device sent."""

    id: str
    identity: str
    series: str
    filename: str
    sha256: str
    status: str
    content: bytes
    samples: int
    new: int
    identical: int
    replaced: int
    first_ms: int | None
    last_ms: int | None


@dataclass
class DatabaseState:
    """All files in the order in which they were stored, and the samples of each series.

    ``findings`` names inconsistent blocks and timestamps that are stored twice; ``doubled``
    counts the latter.
    """

    files: list[StoredFile] = field(default_factory=list)
    series: dict[tuple[str, str], dict[int, float]] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    doubled: int = 0


def read_state(session: psycopg.Connection[dict[str, Any]]) -> DatabaseState:
    state = DatabaseState()
    # Without indexes: a damaged one would hide rows that are stored twice.
    session.execute("SET enable_indexscan = off")
    session.execute("SET enable_indexonlyscan = off")
    session.execute("SET enable_bitmapscan = off")
    for row in session.execute(_FILES):
        state.files.append(StoredFile(**_with_content(row)))
    for block in session.execute(_BLOCKS):
        _add_block(state, block)
    return state


def _with_content(row: dict[str, Any]) -> dict[str, Any]:
    content = _codec.decompress(row["content"], decompressed_size=row.pop("size"), asbytes=True)
    return row | {"content": content}


def _add_block(state: DatabaseState, block: dict[str, Any]) -> None:
    series_name = f"{block['identity']}/{block['series']}"
    series = state.series.setdefault((block["identity"], block["series"]), {})
    times = [time_us // 1000 for time_us in block["times_us"]]
    values = block["values"]
    summary = [
        block[name] for name in ("first_ms", "last_ms", "sample_count", "minimum", "maximum")
    ]
    if summary != [times[0], times[-1], len(times), min(values), max(values)]:
        state.findings.append(f"a block of {series_name} at {times[0]} is inconsistent")
    if abs(block["total"] - sum(values)) > 1e-6 * abs(block["total"]):
        state.findings.append(f"a block of {series_name} at {times[0]} has a wrong total")
    for time, value in zip(times, values, strict=True):
        if time in series:
            state.doubled += 1
            state.findings.append(f"{series_name} has {time} twice")
        series[time] = value
