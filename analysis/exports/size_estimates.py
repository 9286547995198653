"""How large an export will be, told before it is made. Pure."""

from __future__ import annotations

import json
import zlib

from analysis.exports.fhir import VERSIONS, Coded, make_observations
from analysis.exports.formats import encode_parquet, write_lines
from analysis.exports.open_mhealth import encode_heart_rates
from analysis.queries.sample_columns import SampleColumns

# Samples that are written to see how long they become; fewer where each takes longer.
TRIED = 5_000
TRIED_CLINICAL = 200
# Brackets and a comma more than a line of CSV.
JSON_EXTRA = 3
PACKED_JSON = 1.05
# Of provenance and data dictionary, and of the same in a zip beside its samples.
DICTIONARY = 1_300
ZIPPED_DICTIONARY = 1_100
FHIR_BUNDLE = 500


def estimate_sizes(samples: SampleColumns, count: int) -> dict[str, int]:
    """Return about how many bytes ``count`` samples like ``samples`` take in each format.

    ``zip_csv`` and its like are an archive with that format and its dictionary in it.
    """
    tried = SampleColumns(samples.time_ms[:TRIED], samples.value[:TRIED])
    empty = sum(map(len, encode_parquet([])))
    line = packed_line = row = 0.0
    if len(tried) and count:
        lines = write_lines(tried)
        line = len(lines) / len(tried)
        packed_line = len(zlib.compress(lines)) / len(tried)
        row = max(0, sum(map(len, encode_parquet([tried]))) - empty) / len(tried)
    sizes = {
        "csv": 14 + line * count,
        "parquet": DICTIONARY + empty + row * count,
        "json": DICTIONARY + 15 + (line + JSON_EXTRA * bool(line)) * count,
        "zip_csv": ZIPPED_DICTIONARY + packed_line * count,
        "zip_parquet": ZIPPED_DICTIONARY + DICTIONARY + empty + row * count,
        "zip_json": ZIPPED_DICTIONARY + DICTIONARY / 2 + packed_line * PACKED_JSON * count,
    }
    return {name: round(size) for name, size in sizes.items()}


def estimate_clinical(
    samples: SampleColumns, count: int, first_day: int, coded: Coded
) -> dict[str, int]:
    """Return the same for the forms of health care.

    ``fhir_r4b`` and ``fhir_r5`` are of the ``first_day`` samples that one page holds,
    ``open_mhealth`` of all ``count``.
    """
    tried = SampleColumns(samples.time_ms[:TRIED_CLINICAL], samples.value[:TRIED_CLINICAL])
    if not len(tried):
        return {}
    sizes = {}
    for version in VERSIONS:
        found = list(make_observations([tried], coded, version))
        each = len(json.dumps(found)) + 70 * len(found)  # an entry has an address of its own
        sizes[f"fhir_{version}"] = FHIR_BUNDLE + each * first_day / len(tried)
    points = sum(map(len, encode_heart_rates([tried], coded.identity, coded.name)))
    sizes["open_mhealth"] = points * count / len(tried)
    return {name: round(size) for name, size in sizes.items()}
