"""Estimates of the size of an export before it is made. Pure."""

from __future__ import annotations

import json
import zlib

from analysis.exports.fhir import VERSIONS, CodedSeries, make_observations
from analysis.exports.formats import encode_lines, encode_parquet
from analysis.exports.open_mhealth import encode_heart_rates
from analysis.queries.statistics import SampleColumns

# Samples that are encoded for an estimate; fewer where encoding is slow.
MAX_SAMPLES_ENCODED = 5_000
MAX_CLINICAL_SAMPLES_ENCODED = 200
# Brackets and a comma in addition to the line of CSV.
JSON_EXTRA_BYTES = 3
ZIPPED_JSON_RATIO = 1.05
# Size of provenance and data dictionary in a file, and as a file of a zip.
DICTIONARY_BYTES = 1_300
ZIPPED_DICTIONARY_BYTES = 1_100
FHIR_BUNDLE_BYTES = 500
FHIR_ENTRY_BYTES = 70  # an entry's URL


def estimate_export_bytes(samples: SampleColumns, count: int) -> dict[str, int]:
    """Return the estimated bytes of ``count`` samples like ``samples`` by format.

    ``zip_csv`` and its like stand for a zip of that format with its data dictionary.
    """
    head = _take_first(samples, MAX_SAMPLES_ENCODED)
    empty = sum(map(len, encode_parquet([])))
    line = zipped_line = row = 0.0
    if len(head) and count:
        lines = encode_lines(head)
        line = len(lines) / len(head)
        zipped_line = len(zlib.compress(lines)) / len(head)
        row = max(0, sum(map(len, encode_parquet([head]))) - empty) / len(head)
    sizes = {
        "csv": 14 + line * count,
        "parquet": DICTIONARY_BYTES + empty + row * count,
        "json": DICTIONARY_BYTES + 15 + (line + JSON_EXTRA_BYTES * bool(line)) * count,
        "zip_csv": ZIPPED_DICTIONARY_BYTES + zipped_line * count,
        "zip_parquet": ZIPPED_DICTIONARY_BYTES + DICTIONARY_BYTES + empty + row * count,
        "zip_json": ZIPPED_DICTIONARY_BYTES
        + DICTIONARY_BYTES / 2
        + zipped_line * ZIPPED_JSON_RATIO * count,
    }
    return {name: round(size) for name, size in sizes.items()}


def estimate_clinical_bytes(
    samples: SampleColumns, count: int, first_day: int, series: CodedSeries
) -> dict[str, int]:
    """Return the estimated bytes of the healthcare formats.

    ``fhir_r4b`` and ``fhir_r5`` hold the ``first_day`` samples of one page, ``open_mhealth`` all
    ``count``.
    """
    head = _take_first(samples, MAX_CLINICAL_SAMPLES_ENCODED)
    if not len(head):
        return {}
    sizes = {}
    for version in VERSIONS:
        observations = list(make_observations([head], series, version))
        size = len(json.dumps(observations)) + FHIR_ENTRY_BYTES * len(observations)
        sizes[f"fhir_{version}"] = FHIR_BUNDLE_BYTES + size * first_day / len(head)
    points = sum(map(len, encode_heart_rates([head], series.identity, series.name)))
    sizes["open_mhealth"] = points * count / len(head)
    return {name: round(size) for name, size in sizes.items()}


def _take_first(samples: SampleColumns, count: int) -> SampleColumns:
    return SampleColumns(samples.time_us[:count], samples.value[:count])
