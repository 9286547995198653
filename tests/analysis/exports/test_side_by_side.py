"""Columns of a measurement are exported side by side, exactly and in bounded parts."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from analysis.exports.formats import encode_csv, encode_json, encode_parquet
from analysis.queries import side_by_side
from analysis.queries.side_by_side import find_column_set, join_columns, read_side_by_side
from identities.models import Identity
from identities.visibility import EVERYTHING
from ingest.models import MeasurementType
from ingest.parsing.measurement_file import read_measurement_file
from ingest.parsing.samples import FileLimits, TimeWindow
from ingest.time_range import TimeRange
from tests.analysis.conftest import Get
from tests.analysis.queries.factories import make_series

START = 1_700_006_400_000  # 2023-11-15T00:00Z
HOUR = 3_600_000
ACC = "series/Ward3-07/acc"


@pytest.fixture
def acc(ward: Identity) -> Identity:
    MeasurementType.objects.create(
        pattern="acc", label="Acceleration", unit="g", columns="z, y, x", column_units="g, g, m/s2"
    )
    make_series(ward, "acc.x", {START: 0.1, START + 1: -2.0, START + HOUR: 1e21})
    make_series(ward, "acc.y", {START: 5.0, START + 2: 6.5})
    make_series(ward, "acc.10", {START: 10.0})
    make_series(ward, "acc.2", {START: 2.0})
    make_series(ward, "acc.x.y", {START: 7.0})  # no column of acc
    make_series(ward, "accent.x", {START: 7.0})
    return ward


def body(answer: Any) -> bytes:
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content)


def test_csv_has_a_column_for_each_series(get: Get, acc: Identity) -> None:
    text = body(get(f"{ACC}/samples", columns="x,y"))
    assert text == (
        b"time_ms,x,y\n1700006400000,0.1,5\n1700006400001,-2,\n1700006400002,,6.5\n"
        b"1700010000000,1e+21,\n"
    )
    assert body(get(f"{ACC}/samples", columns="y,x", to=START + 1)) == (
        b"time_ms,y,x\n1700006400000,5,0.1\n"
    )


def test_all_columns_come_in_the_order_of_their_type(get: Get, acc: Identity) -> None:
    text = body(get(f"{ACC}/samples", columns="*", to=START + 1))
    assert text == b"time_ms,y,x,2,10\n1700006400000,5,0.1,2,10\n"
    assert body(get(f"{ACC}/samples", to=START + 1)) == text


def test_a_series_of_exactly_this_name_wins(get: Get, acc: Identity) -> None:
    make_series(acc, "acc", {START: 99.0})
    assert body(get(f"{ACC}/samples")) == b"time_ms,value\n1700006400000,99\n"
    assert body(get(f"{ACC}/samples", columns="x", to=START + 1)) == (
        b"time_ms,x\n1700006400000,0.1\n"
    )


def test_json_has_null_for_missing_values(get: Get, acc: Identity) -> None:
    document = json.loads(body(get(f"{ACC}/samples", columns="x,y,2,10", format="json")))
    assert document["columns"] == ["time_ms", "x", "y", "2", "10"]
    assert document["samples"] == [
        [START, 0.1, 5, 2, 10],
        [START + 1, -2, None, None, None],
        [START + 2, None, 6.5, None, None],
        [START + HOUR, 1e21, None, None, None],
    ]
    columns = document["provenance"]["columns"]
    assert [(each["name"], each["unit"]) for each in columns[:3]] == [
        ("time_ms", "ms"), ("x", "m/s2"), ("y", "g"),
    ]  # fmt: skip
    assert columns[1]["series"] == "acc.x"


def test_parquet_has_a_nullable_column_for_each_series(get: Get, acc: Identity) -> None:
    file = io.BytesIO(body(get(f"{ACC}/samples", columns="x,y", format="parquet")))
    table = pyarrow.parquet.read_table(file)
    assert table.schema.names == ["time_ms", "time", "x", "y"]
    assert table.column("y").to_pylist() == [5.0, None, 6.5, None]


def test_the_headers_lead_to_the_dictionary(get: Get, acc: Identity) -> None:
    answer = get(f"{ACC}/samples", columns="y,x")
    address = answer["Link"].partition(">")[0].removeprefix("<http://testserver/api/v1/")
    dictionary = get(address).json()
    assert [each["name"] for each in dictionary["columns"]] == ["time_ms", "y", "x"]
    assert json.loads(answer["X-Provenance"])["series"] == "acc"
    assert 'filename="Ward3-07_acc_' in answer["Content-Disposition"]


@pytest.mark.parametrize(
    ("columns", "status", "code"),
    [
        ("q", 404, "unknown_series"),
        ("x,q", 404, "unknown_series"),
        ("", 400, "bad_parameter"),
        ("x,", 400, "bad_parameter"),
        ("x,x", 400, "bad_parameter"),
        ("x.y", 400, "bad_parameter"),
        (",".join(map(str, range(64))), 400, "bad_parameter"),
    ],
)
def test_wrong_columns_are_refused(
    get: Get, acc: Identity, columns: str, status: int, code: str
) -> None:
    answer = get(f"{ACC}/samples", columns=columns)
    assert answer.status_code == status
    assert answer.json()["type"] == f"urn:device-endpoint:{code}"


def test_a_measurement_without_columns_is_unknown(get: Get, acc: Identity) -> None:
    for path in ("series/Ward3-07/accent.x", "series/Ward3-07/none", "series/nobody/acc"):
        assert get(f"{path}/samples", columns="*").status_code == 404
    without = get("series/Ward3-07/accent.x/samples", columns="*").json()["detail"]
    assert "has columns" in without
    assert "without `columns`" in without


def test_a_measurement_that_is_no_series_names_its_columns(get: Get, acc: Identity) -> None:
    for path in ("", "/summary", "/buckets", "/days"):
        answer = get(f"{ACC}{path}")
        assert answer.status_code == 404
        assert "acc.y, acc.x" in answer.json()["detail"]


def test_the_command_exports_columns(acc: Identity, tmp_path: Path) -> None:
    target = tmp_path / "acc.csv"
    call_command("export_samples", "ward3-07", "acc", columns="x,y", output=str(target))
    assert target.read_bytes().startswith(b"time_ms,x,y\n1700006400000,0.1,5\n")
    call_command("export_samples", "ward3-07", "acc", output=str(target))
    assert target.read_bytes().startswith(b"time_ms,y,x,2,10\n")
    with pytest.raises(CommandError, match=r"acc\.q"):
        call_command("export_samples", "ward3-07", "acc", columns="q", output=str(target))


def test_parts_are_bounded_and_dense_hours_divided(
    acc: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    dense = {START + 3 * HOUR + step * 10: float(step) for step in range(1000)}
    make_series(acc, "fast.x", dense | {START: 1.0, START + 5 * HOUR: 2.0}, blocks_per_hour=3)
    make_series(acc, "fast.y", {time + 5: value for time, value in dense.items()})
    monkeypatch.setattr(side_by_side, "SAMPLES_PER_RUN", 300)
    monkeypatch.setattr(side_by_side, "HOURS_PER_QUERY", 2)
    parts = list(read_side_by_side(find_column_set("ward3-07", "fast", EVERYTHING), TimeRange()))
    times = np.concatenate([part.time_us for part in parts])
    assert len(times) == 2002
    assert (np.diff(times) > 0).all()
    inside = list(
        read_side_by_side(
            find_column_set("ward3-07", "fast", EVERYTHING),
            TimeRange(START + 3 * HOUR, START + 3 * HOUR + 20),
        )
    )
    assert sum(map(len, inside)) == 4


_COLUMN = st.dictionaries(
    st.integers(0, 50), st.floats(allow_nan=False, allow_infinity=False), max_size=6
)


@given(st.lists(_COLUMN, min_size=2, max_size=4).filter(any))
def test_an_export_is_read_back_as_it_was(columns: list[dict[int, float]]) -> None:
    """CSV is a file of the grammar: what is sent again equals what is stored."""
    names = [f"c{place}" for place in range(len(columns))]
    times = [np.array([START * 1000 + 250 * t for t in sorted(c)], np.int64) for c in columns]
    values = [np.array([column[t] for t in sorted(column)], np.float64) for column in columns]
    table = join_columns(list(zip(times, values, strict=True)))
    document = json.loads(b"".join(encode_json([table], None, names)))
    assert len(document["samples"]) == len(table)
    parquet = pyarrow.parquet.read_table(io.BytesIO(b"".join(encode_parquet([table], None, names))))
    for place, (name, exact) in enumerate(zip(names, values, strict=True)):
        held = [row[place + 1] for row in document["samples"] if row[place + 1] is not None]
        assert held == exact.tolist()
        assert parquet.column(name).drop_null().to_pylist() == exact.tolist()
    if max((abs(value) for column in columns for value in column.values()), default=0) < 1e20:
        small = [[abs(value) for value in column.values() if value] for column in columns]
        if min((value for column in small for value in column), default=1) > 1e-5:
            text = b"".join(encode_csv([table], None, names))
            file = read_measurement_file(text, TimeWindow(0, 10**16), FileLimits(100, 100))
            assert file.header == ("time_ms", *names)
            for column, exact_times, exact in zip(file.columns, times, values, strict=True):
                assert column.times.tolist() == exact_times.tolist()
                assert column.values.tolist() == exact.tolist()
