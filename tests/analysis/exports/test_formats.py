"""Export formats hold every sample exactly."""

import io
import json

import numpy as np
import pyarrow.parquet
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analysis.exports.formats import (
    FORMATS,
    encode_csv,
    encode_csv_iso,
    encode_csv_spreadsheet,
    encode_json,
    encode_parquet,
)
from analysis.queries.statistics import SampleColumns
from ingest.file_reading import read_file
from ingest.parsing.samples import FileLimits, TimeWindow

FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def columns(samples: list[tuple[int, float]]) -> SampleColumns:
    return SampleColumns(
        np.array([time * 1000 for time, _ in samples], np.int64),
        np.array([value for _, value in samples], np.float64),
    )


PARTS = st.lists(
    st.lists(st.tuples(st.integers(0, 9 * 10**15), FLOATS), min_size=1, max_size=5), max_size=3
)


@given(PARTS)
def test_csv_has_the_same_numbers(parts: list[list[tuple[int, float]]]) -> None:
    text = b"".join(encode_csv(map(columns, parts))).decode()
    lines = text.split("\n")
    assert lines[0] == "time_ms,value"
    assert lines[-1] == ""
    found = [(int(time), float(value)) for time, value in (x.split(",") for x in lines[1:-1])]
    assert found == [sample for part in parts for sample in part]


@given(st.lists(FLOATS, min_size=1, max_size=20))
@example([1e20, 1.2345678901234567e-5, -1.2345678901234567e-6, 1e300, 5e-324, 12.5, 1e-7])
def test_csv_can_be_sent_back(values: list[float]) -> None:
    samples = [(time, value) for time, value in enumerate(values)]
    content = b"".join(encode_csv([columns(samples)]))
    window, limits = TimeWindow(0, len(values)), FileLimits(100, 100)
    read, _, errors = read_file("x", content, window, limits)
    assert errors == []
    assert read is not None
    assert read.columns[0].values.tolist() == values
    assert read.rounded == 0


def test_csv_has_exponents_only_for_numbers_of_many_digits() -> None:
    values = [1e15, 1e19, 1e20, 1e-7, 1.5e-20, 1.25e-19, 1.2345678901234567e-5]
    lines = b"".join(encode_csv([columns(list(enumerate(values)))])).decode().split("\n")[1:-1]
    assert [line.split(",")[1] for line in lines] == [
        "1000000000000000",
        "10000000000000000000",
        "1e+20",
        "0.0000001",
        "1.5e-20",
        "1.25e-19",
        "1.2345678901234568e-05",
    ]


@given(PARTS)
def test_json_is_one_document_with_the_same_numbers(
    parts: list[list[tuple[int, float]]],
) -> None:
    document = json.loads(b"".join(encode_json(map(columns, parts))))
    assert document == {"samples": [list(sample) for part in parts for sample in part]}


@given(PARTS)
def test_parquet_holds_the_same_numbers(parts: list[list[tuple[int, float]]]) -> None:
    file = io.BytesIO(b"".join(encode_parquet(map(columns, parts))))
    table = pyarrow.parquet.read_table(file)
    types = [str(field.type) for field in table.schema]
    assert types == ["int64", "timestamp[us, tz=UTC]", "double"]
    assert table.column_names == ["time_ms", "time", "value"]
    assert table["time"].cast("int64").to_pylist() == [
        time * 1000 for time in table["time_ms"].to_pylist()
    ]
    found = list(zip(table["time_ms"].to_pylist(), table["value"].to_pylist(), strict=True))
    assert found == [sample for part in parts for sample in part]


def test_times_between_milliseconds_have_decimals() -> None:
    part = SampleColumns(np.array([1000, 1125, 1500, 2000]), np.array([1.0, 2.0, 3.0, 4.0]))
    assert b"".join(encode_csv([part])) == b"time_ms,value\n1,1\n1.125,2\n1.5,3\n2,4\n"
    document = json.loads(b"".join(encode_json([part])))
    assert document["samples"] == [[1, 1], [1.125, 2], [1.5, 3], [2, 4]]
    table = pyarrow.parquet.read_table(io.BytesIO(b"".join(encode_parquet([part]))))
    assert table["time_ms"].to_pylist() == [1, 1, 1, 2]
    assert table["time"].cast("int64").to_pylist() == [1000, 1125, 1500, 2000]


def test_numbers_are_written_as_short_as_possible() -> None:
    part = columns([(1, 72.0), (2, 0.1), (3, 1e-20), (4, 78.572), (5, -0.5), (6, 1e16)])
    assert b"".join(encode_csv([part])) == (
        b"time_ms,value\n1,72\n2,0.1\n3,0.00000000000000000001\n4,78.572\n5,-0.5\n"
        b"6,10000000000000000\n"
    )


def test_csv_has_forms_for_readers_and_for_spreadsheets() -> None:
    part = columns([(1_700_000_000_000, 72.0), (1_700_000_000_500, 1e-7)])
    assert b"".join(encode_csv_iso([part])) == (
        b"time_ms,time,value\n1700000000000,2023-11-14T22:13:20.000Z,72\n"
        b"1700000000500,2023-11-14T22:13:20.500Z,0.0000001\n"
    )
    assert b"".join(encode_csv_spreadsheet([part])) == (
        b"\xef\xbb\xbftime (UTC),value\r\n2023-11-14 22:13:20.000,72\r\n"
        b"2023-11-14 22:13:20.500,0.0000001\r\n"
    )


@pytest.mark.parametrize("name", FORMATS)
def test_encoding_is_lazy(name: str) -> None:
    taken = []

    def parts() -> object:
        for number in range(3):
            taken.append(number)
            yield columns([(number, 1.0)])

    chunks = FORMATS[name].encode(parts(), None)
    assert taken == []
    next(chunks)
    assert len(taken) <= 1
