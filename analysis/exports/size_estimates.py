"""Estimates of the size of an export before it is made. Pure."""

from __future__ import annotations

import json
import zlib

from analysis.exports.fhir import VERSIONS, CodedSeries, make_observations
from analysis.exports.formats import encode_lines, encode_parquet
from analysis.exports.open_mhealth import encode_heart_rates
from analysis.exports.streaming import DEFLATE_LEVEL
from analysis.queries.statistics import SampleColumns, concatenate

# Samples that are encoded for an estimate, in a few pieces; fewer where encoding is slow.
MAX_SAMPLES_ENCODED = 6_000
PIECES = 4
MAX_ROWS_ENCODED = 60_000
MAX_CLINICAL_SAMPLES_ENCODED = 400
# Brackets and a comma in addition to the line of CSV.
JSON_EXTRA_BYTES = 3
ZIPPED_JSON_RATIO = 1.02
# A time as text with three decimals of a second, and as epoch milliseconds.
TIME_BYTES, EPOCH_BYTES, MICROSECOND_BYTES = 23, 13, 3
# Size of provenance and data dictionary in a file, and as a file of a zip.
DICTIONARY_BYTES = 1_300
PARQUET_DICTIONARY_BYTES = 1_950  # Arrow's schema repeats it in base64
ZIPPED_DICTIONARY_BYTES = 1_100
FHIR_BUNDLE_BYTES = 500
FHIR_ENTRY_BYTES = 70  # an entry's URL
# Samples of a part, hence of a row group.
PART_SAMPLES = 250_000


def estimate_export_bytes(samples: SampleColumns, count: int) -> dict[str, int]:
    """Return the estimated bytes of ``count`` samples like ``samples`` by format.

    ``zip_csv`` and its like stand for a zip of that format with its data dictionary.
    """
    some = _take_pieces(samples, MAX_SAMPLES_ENCODED)
    lines = encode_lines(some) if len(some) else b""
    scale = count / max(1, len(some))
    csv, zipped = len(lines) * scale, len(zlib.compress(lines, DEFLATE_LEVEL)) * scale
    time = TIME_BYTES + MICROSECOND_BYTES * some.has_fractions
    parquet = PARQUET_DICTIONARY_BYTES + _estimate_parquet(samples, count)
    sizes = {
        "csv": 14 + csv,
        "csv_iso": 19 + csv + (time + 2) * count,
        "csv_spreadsheet": 23 + csv + (time + 1 - EPOCH_BYTES) * count,
        "parquet": parquet,
        "json": DICTIONARY_BYTES + 15 + csv + JSON_EXTRA_BYTES * count,
        "zip_csv": ZIPPED_DICTIONARY_BYTES + zipped,
        "zip_parquet": ZIPPED_DICTIONARY_BYTES + parquet,
        "zip_json": ZIPPED_DICTIONARY_BYTES + DICTIONARY_BYTES / 2 + zipped * ZIPPED_JSON_RATIO,
    }
    return {name: round(size) for name, size in sizes.items()}


def _estimate_parquet(samples: SampleColumns, count: int) -> float:
    """Return the bytes without provenance.

    A row group has a dictionary of its values, so the first rows cost more than those that follow:
    the price of the latter is the difference between two encodings.
    """
    empty = len(_encode([]))
    rows = min(len(samples), MAX_ROWS_ENCODED)
    if not rows or not count:
        return empty
    whole = len(_encode([samples.cut(0, rows)])) - empty
    if rows == count:
        return empty + whole
    half = len(_encode([samples.cut(0, rows // 2)])) - empty if rows > 1 else 0
    row = max(0, whole - half) / (rows - rows // 2)
    groups = -(-count // PART_SAMPLES)
    return empty + groups * max(0, whole - row * rows) + row * count


def _encode(parts: list[SampleColumns]) -> bytes:
    return b"".join(encode_parquet(parts))


def _take_pieces(samples: SampleColumns, most: int) -> SampleColumns:
    """Return at most ``most`` samples, in a few pieces spread over ``samples``."""
    if len(samples) <= most:
        return samples
    length = most // PIECES
    starts = [number * (len(samples) - length) // (PIECES - 1) for number in range(PIECES)]
    return concatenate([samples.cut(start, start + length) for start in starts])


def estimate_clinical_bytes(
    samples: SampleColumns, count: int, first_day: int, series: CodedSeries
) -> dict[str, int]:
    """Return the estimated bytes of the healthcare formats.

    ``fhir_r4b`` and ``fhir_r5`` hold the ``first_day`` samples of one page; ``fhir_r4b_ndjson``,
    ``fhir_r5_ndjson`` and ``open_mhealth`` all ``count``.
    """
    head = samples.cut(0, MAX_CLINICAL_SAMPLES_ENCODED)
    if not len(head):
        return {}
    sizes = {}
    for version in VERSIONS:
        fixed, each = _price(head, series, version, FHIR_ENTRY_BYTES)
        sizes[f"fhir_{version}"] = FHIR_BUNDLE_BYTES + fixed + each * first_day
        fixed, each = _price(head, series, version, 0)
        sizes[f"fhir_{version}_ndjson"] = fixed * count / max(1, first_day) + each * count
    head = head.cut(0, 100)
    points = sum(map(len, encode_heart_rates([head], series.identity, series.name)))
    sizes["open_mhealth"] = points * count / len(head)
    return {name: round(size) for name, size in sizes.items()}


def _price(
    head: SampleColumns, series: CodedSeries, version: str, entry_bytes: int
) -> tuple[float, float]:
    """Return the bytes of a day's Observations: those that any day costs, and those of a sample."""

    def measure(rows: int) -> int:
        observations = list(make_observations([head.cut(0, rows)], series, version))
        return len(json.dumps(observations)) + entry_bytes * len(observations)

    rows = len(head)
    whole, half = measure(rows), measure(rows // 2) if rows > 1 else 0
    each = (whole - half) / (rows - rows // 2)
    return max(0, whole - each * rows), each
