"""The files that `make bench` sends: never sent before, plausible, the same in every run."""

from pathlib import Path

import pytest

from benchmarks.workloads import (
    FIRST_MS,
    FULL,
    QUICK,
    Workload,
    csv_lines,
    generate_files,
    heart_rates,
    influxdb_lines,
    write_corpus,
)
from ingest.parsing.measurement_file import read_measurement_file
from ingest.parsing.samples import FileLimits, TimeWindow


def test_files_are_consecutive_and_parsed_by_the_device_api() -> None:
    window = TimeWindow(FIRST_MS, FIRST_MS + 10**9)
    limits = FileLimits(1000, 1000)
    files = [
        read_measurement_file(content, window, limits)
        for content in generate_files(5, 7, csv_lines)
    ]
    parsed = [file.columns[0] for file in files]
    assert [file.lines for file in files] == [7] * 5
    assert [samples.first_ms for samples in parsed] == [FIRST_MS + n * 7000 for n in range(5)]


def test_the_values_are_heart_rates_with_two_decimals() -> None:
    rates = heart_rates(5000)
    assert 30 < rates.min() < rates.max() < 220
    assert (rates * 100).round() == pytest.approx(rates * 100)


def test_both_text_formats_hold_the_same_samples() -> None:
    pairs = zip(
        csv_lines(3, 20).splitlines(), influxdb_lines("hr", 3, 20).splitlines(), strict=True
    )
    for one, other in pairs:
        time, value = one.split(b",")
        assert float(other.split()[1].removeprefix(b"value=")) == float(value)
        assert other.split()[2] == time


def test_a_corpus_holds_each_file_after_its_length(tmp_path: Path) -> None:
    path = tmp_path / "corpus"
    assert write_corpus(path, [b"one", b"", b"three"]) == 3
    assert path.read_bytes() == b"\0\0\0\3one\0\0\0\0\0\0\0\5three"


def test_even_a_quick_run_has_a_file_for_each_device() -> None:
    assert QUICK.files_of(Workload("hr", 7, 10)) == 8
    assert FULL.files_of(Workload("hr", 7, 60_000)) == 60_000
