"""The measurement's name is derived from the file name unless the argument gives it."""

from __future__ import annotations

from pathlib import PurePath

import pytest

from device_client.filenames import derive_measurement_name, make_dated_filename, split_argument


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("hr_measurement_2019_06_11", "hr_measurement"),
        ("ibi_measurement_2019-06-11.csv", "ibi_measurement"),
        ("hr.20190611.txt", "hr"),
        ("hr_2019_06_11_235959", "hr"),
        ("hr_measurement", "hr_measurement"),
        ("spo2", "spo2"),
        ("hr_2019_6_1", "hr_2019_6_1"),
        ("hr_2019_06-11", "hr_2019_06-11"),
        ("notes.md", "notes.md"),
    ],
)
def test_the_date_at_the_end_is_not_part_of_the_name(filename: str, name: str) -> None:
    assert derive_measurement_name(filename) == name


@pytest.mark.parametrize("filename", ["_2019_06_11", "heart rate.csv", "", "x" * 65, ".csv"])
def test_an_invalid_measurement_name_is_an_error(filename: str) -> None:
    with pytest.raises(ValueError, match="NAME=PATH"):
        derive_measurement_name(filename)


def test_an_argument_may_name_the_measurement() -> None:
    assert split_argument("pulse=data/a=b.csv") == ("pulse", PurePath("data/a=b.csv"))
    assert split_argument("data/hr_2019_06_11.csv") == ("hr", PurePath("data/hr_2019_06_11.csv"))


def test_a_simulated_file_name_yields_its_measurement() -> None:
    filename = make_dated_filename("hr_measurement", 1_560_279_835_999)
    assert filename == "hr_measurement_2019_06_11_190355"
    assert derive_measurement_name(filename) == "hr_measurement"
