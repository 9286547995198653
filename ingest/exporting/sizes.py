"""How large an export will be, told before it is made. Pure."""

from __future__ import annotations

from ingest.exporting.formats import encode_parquet, write_lines
from ingest.reading.sample_columns import SampleColumns

# Samples that are written to see how long they become.
TRIED = 20_000
# Brackets and a comma more than a line of CSV.
JSON_EXTRA = 3


def estimate_sizes(samples: SampleColumns, count: int) -> dict[str, int]:
    """Return about how many bytes ``count`` samples like ``samples`` take in each format."""
    tried = SampleColumns(samples.time_ms[:TRIED], samples.value[:TRIED])
    if not len(tried) or not count:
        return {"csv": 14, "parquet": 800, "json": 15}
    line = len(write_lines(tried)) / len(tried)
    empty = sum(map(len, encode_parquet([])))
    row = max(0, sum(map(len, encode_parquet([tried]))) - empty) / len(tried)
    return {
        "csv": round(14 + line * count),
        "parquet": round(empty + row * count),
        "json": round(15 + (line + JSON_EXTRA) * count),
    }
