"""The files of one series in a mirror, one for each month or, of the open month, for each day.

``identity_id=7/name=hr/month=2026-10/2026-10.parquet`` and ``…/month=2026-11/2026-11-29.parquet``.
Months and days are those of UTC.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import IO

import pyarrow as pa
import pyarrow.parquet

from analysis.mirror.target import Target
from analysis.queries.read_database import connection
from analysis.queries.samples import read_samples
from analysis.queries.series import Series
from analysis.queries.statistics import SampleColumns, concatenate
from ingest.storage.blocks import HOUR_MS
from ingest.time_range import TimeRange

DAY_MS = 24 * HOUR_MS
ROWS_PER_GROUP = 1 << 20
SCHEMA = pa.schema(
    [
        pa.field("identity", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("time_ms", pa.int64(), nullable=False),
        pa.field("time", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
    ]
)
_FILE = re.compile(r"month=(\d{4}-\d{2})/(\d{4}-\d{2}(?:-\d{2})?)\.parquet")
_DAYS = """
SELECT DISTINCT b.hour / 24 FROM ingest_sampleblock b
WHERE b.identity_id = %s AND b.name = %s AND b.hour BETWEEN %s AND %s
"""

Range = tuple[int, int]  # epoch milliseconds, the end exclusive


@dataclass(slots=True)
class Written:
    """What was done to a mirror."""

    files: int = 0
    deleted: int = 0
    samples: int = 0


def folder_of_identity(identity_id: int) -> str:
    return f"identity_id={identity_id}"


def folder_of_series(identity_id: int, name: str) -> str:
    return f"{folder_of_identity(identity_id)}/name={name}"


def month_of(day: int) -> str:
    """Return the month of a day, counted from 1970-01-01, as ``2026-11``."""
    return _text(day)[:7]


def write_series(
    target: Target, series: Series, ranges: Sequence[Range], open_month: str, done: Written
) -> None:
    """Write the files of a series that ``ranges`` touch, as they are stored now.

    Months before ``open_month`` are one file each. Adds to ``done``.
    """
    folder = folder_of_series(series.identity_id, series.name)
    existing = _existing_files(target, folder)
    days = {day for each in ranges for day in _stored_days(series, each)}
    days |= {
        day
        for names in existing.values()
        for name in names
        for each in ranges
        for day in _days_of_file(name, each)
    }
    for month in sorted({month_of(day) for day in days}):
        names = existing.get(month, set())
        if month >= open_month and month not in names:
            wanted = sorted(_text(day) for day in days if month_of(day) == month)
        else:
            wanted = [month]
        left = {name for name in wanted if _write(target, series, folder, name, done)}
        if wanted != [month]:
            left |= names - set(wanted)
        for name in names - left:
            target.delete(_path(folder, name))
            done.deleted += 1
        if names and not left:
            target.delete_folder(f"{folder}/month={month}")


def months_to_close(paths: Iterable[str], open_month: str) -> set[tuple[int, str, str]]:
    """Return (identity, series, month) of the files of days in months before ``open_month``."""
    found = set()
    for path in paths:
        parts = path.split("/", 2)
        match = _FILE.fullmatch(parts[-1]) if len(parts) == 3 else None
        if match and match[1] < open_month and match[2] != match[1]:
            identity = int(parts[0].partition("=")[2])
            found.add((identity, parts[1].partition("=")[2], match[1]))
    return found


def range_of(name: str) -> Range:
    """Return the range of a month (``2026-11``) or a day (``2026-11-29``)."""
    first = date.fromisoformat(name if len(name) == 10 else f"{name}-01")
    after = first + timedelta(days=1)
    if len(name) == 7:
        after = (first + timedelta(days=31)).replace(day=1)
    return _epoch_days(first) * DAY_MS, _epoch_days(after) * DAY_MS


def _existing_files(target: Target, folder: str) -> dict[str, set[str]]:
    """Return the names of the files by month, without suffix."""
    found: dict[str, set[str]] = {}
    for path in target.files(folder):
        if match := _FILE.fullmatch(path):
            found.setdefault(match[1], set()).add(match[2])
    return found


def _stored_days(series: Series, wanted: Range) -> list[int]:
    hours = (wanted[0] // HOUR_MS, min((wanted[1] - 1) // HOUR_MS, 2**31 - 1))
    with connection.cursor() as cursor:
        cursor.execute(_DAYS, [series.identity_id, series.name, *hours])
        return [day for (day,) in cursor.fetchall()]


def _days_of_file(name: str, wanted: Range) -> list[int]:
    """Return the first day (since 1970) of the file ``name`` in ``wanted``; [] without one."""
    start, end = (max(range_of(name)[0], wanted[0]), min(range_of(name)[1], wanted[1]))
    return [start // DAY_MS] if start < end else []


def _write(target: Target, series: Series, folder: str, name: str, done: Written) -> bool:
    """Write the file of a month or a day; return whether there are samples in it."""
    parts = read_samples(series, TimeRange(*range_of(name)))
    first = next(parts, None)
    if first is None:
        return False
    count = 0

    def produce(file: IO[bytes]) -> None:
        nonlocal count
        with pyarrow.parquet.ParquetWriter(
            file,
            SCHEMA,
            compression="zstd",
            use_dictionary=["identity", "value"],
            column_encoding={"time_ms": "DELTA_BINARY_PACKED", "time": "DELTA_BINARY_PACKED"},
        ) as writer:
            for group in _row_groups(first, parts):
                writer.write_table(_make_table(series.identity, group), ROWS_PER_GROUP)
                count += len(group)

    target.write(_path(folder, name), produce)
    done.files += 1
    done.samples += count
    return True


def _row_groups(first: SampleColumns, rest: Iterable[SampleColumns]) -> Iterable[SampleColumns]:
    held = [first]
    for part in rest:
        if sum(map(len, held)) >= ROWS_PER_GROUP:
            yield concatenate(held)
            held = []
        held.append(part)
    yield concatenate(held)


def _make_table(identity: str, part: SampleColumns) -> pa.Table:
    places = pa.repeat(pa.scalar(0, pa.int32()), len(part))
    columns = [
        pa.DictionaryArray.from_arrays(places, pa.array([identity])),
        pa.array(part.time_ms),
        pa.array(part.time_us, pa.timestamp("us", tz="UTC")),
        pa.array(part.value),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _path(folder: str, name: str) -> str:
    return f"{folder}/month={name[:7]}/{name}.parquet"


def _text(day: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()


def _epoch_days(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def this_month() -> str:
    return f"{datetime.now(UTC):%Y-%m}"
