"""The usual exports become measurement files in the documented form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from device_client.__main__ import main

E4_ACC = (
    "1560279825.000000, 1560279825.000000, 1560279825.000000\n32.000000, 32.000000, 32.000000\n"
)
HEADER = """\
------------ Data File Created By ActiGraph GT3X+ ActiLife v6.13.3 Firmware v2.5.0 date format \
{format} at 30 Hz  Filter Normal -----------
Serial Number: NEO1C15110103
Start Time 16:15:00
Start Date {date}
Epoch Period (hh:mm:ss) {epoch}
Download Time 16:48:05
Download Date {date}
Current Memory Address: 0
Current Battery Voltage: 4.22     Mode = 12
--------------------------------------------------
"""
RAW = HEADER.format(format="M/d/yyyy", date="8/7/2012", epoch="00:00:00")
EPOCHS = HEADER.format(format="dd.MM.yyyy", date="07.08.2012", epoch="00:01:00")
START_MS = 1_344_348_900_000  # 2012-08-07 16:15:00 in Berlin


class Folder:
    """A folder with one export, and what becomes of it."""

    def __init__(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path, self.capsys = path, capsys
        self.to = path / "out"

    def convert(self, name: str, content: str | bytes, *options: str) -> dict[str, str]:
        """Return the measurement files by name; there must be no error."""
        status, document = self.run(name, content, *options)
        assert (status, document["error"]) == (0, None)
        return {
            Path(file["path"]).name: Path(file["path"]).read_text() for file in document["files"]
        }

    def run(self, name: str, content: str | bytes, *options: str) -> tuple[int, dict[str, Any]]:
        export = self.path / name.rpartition("=")[2]
        export.write_bytes(content if isinstance(content, bytes) else content.encode())
        argument = name.replace(export.name, str(export))
        status = main(["convert", "--to", str(self.to), "--json", *options, argument])
        return status, json.loads(self.capsys.readouterr().out)


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Folder:
    return Folder(tmp_path, capsys)


def test_e4_acceleration_is_in_g_at_exact_times(folder: Folder) -> None:
    found = folder.convert("ACC.csv", E4_ACC + "-61,25,6\n-62,24,11\n-58,25,64\n")
    assert found == {
        "acc_2019_06_11_190345.csv": "time_ms,x,y,z\n1560279825000,-0.953125,0.390625,0.09375\n"
        "1560279825031.25,-0.96875,0.375,0.171875\n1560279825062.5,-0.90625,0.390625,1.0\n"
    }


def test_e4_times_do_not_drift_at_odd_rates(folder: Folder) -> None:
    lines = "1560279825.5\n3.000000\n" + "1.25\n" * 10
    (content,) = folder.convert("EDA.csv", lines, "--format", "empatica").values()
    times = [line.split(",")[0] for line in content.split()]
    assert times[:3] == ["1560279825500", "1560279825833.333", "1560279826166.667"]
    assert times[9] == "1560279828500"


def test_e4_intervals_are_in_milliseconds(folder: Folder) -> None:
    found = folder.convert(
        "beats=IBI.csv", "1560279835.000000, IBI\n73.504034,0.609403\n74.1,0.6\n"
    )
    assert found == {
        "beats_2019_06_11_190508.csv": "1560279908504.034,609.403\n1560279909100,600\n"
    }


def test_e4_heart_rate_and_tags_have_one_column(folder: Folder) -> None:
    found = folder.convert("HR.csv", "1560279835.000000\n1.000000\n93.00\n81.50\n")
    assert found["hr_2019_06_11_190355.csv"] == "1560279835000,93.00\n1560279836000,81.50\n"
    found = folder.convert("tags.csv", "1560279836.21\n1560279840.00\n")
    assert found["tags_2019_06_11_190356.csv"] == "1560279836210,1\n1560279840000,1\n"


@pytest.mark.parametrize("titles", ["", "Accelerometer X,Accelerometer Y,Accelerometer Z\n"])
def test_raw_actigraph_is_counted_from_its_start(folder: Folder, titles: str) -> None:
    lines = "0.123,-.5,1.\n0.2,0.3,0.4\n0.2,0.3,0.5\n0.2,0.3,0.6\n"
    found = folder.convert(
        "MOS (2012-08-07)RAW.csv", RAW + titles + lines, "--timezone", "Europe/Berlin"
    )
    assert found == {
        "acc_2012_08_07_141500.csv": f"time_ms,x,y,z\n{START_MS},0.123,-0.5,1.0\n"
        f"{START_MS + 33}.333,0.2,0.3,0.4\n{START_MS + 66}.667,0.2,0.3,0.5\n"
        f"{START_MS + 100},0.2,0.3,0.6\n"
    }


def test_actigraph_epochs_in_another_locale(folder: Folder) -> None:
    rows = "Axis1;Axis2;Steps;Lux (lx)\n12;0;3;1,5\n;;;\n14;1;;2\n"
    found = folder.convert("a.csv", EPOCHS + rows, "--timezone", "+02:00")
    assert found["activity_2012_08_07_141500.csv"] == (
        f"time_ms,Axis1,Axis2,Steps,Lux\n{START_MS},12,0,3,1.5\n{START_MS + 120_000},14,1,,2\n"
    )


@pytest.mark.parametrize(
    "rows",
    ["Timestamp,Axis1\n8/7/2012 16:15:01.500,7\n", "Date,Time,Axis1\n8/7/2012,16:15:01.500,7\n"],
)
def test_times_in_actigraph_lines_count(folder: Folder, rows: str) -> None:
    (content,) = folder.convert("a.csv", RAW + rows, "--timezone", "Europe/Berlin").values()
    assert content.split()[-1] == f"{START_MS + 1500},7"


def test_axivity_lines_take_their_names_from_an_option(folder: Folder) -> None:
    rows = "2019-06-11 18:45:01.000,0.015625,-0.984375,0.125\n2019-06-11 18:45:01.010,0,0,0\n"
    options = ["--timezone", "Europe/London", "--columns", "x,y,z"]
    found = folder.convert("acc=CWA-DATA.csv", rows, *options)
    assert found == {
        "acc_2019_06_11_174501.csv": "time_ms,x,y,z\n1560275101000,0.015625,-0.984375,0.125\n"
        "1560275101010,0,0,0\n"
    }


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("\ufefftime;Accel-X (g);Temp [°C]\r\n2019-06-11T16:45:01Z;1,5;NaN\r\n", "Accel-X,Temp"),
        ('"Date","Time","a","b"\n"2019-06-11","16:45:01Z","1.5",""\n', "a,b"),
        ("# note\nt\tx\ty\n1560271501\t1.5\t\n", "x,y"),
    ],
)
def test_titles_separators_and_missing_values(folder: Folder, content: str, expected: str) -> None:
    (found,) = folder.convert("x.csv", content).values()
    assert found == f"time_ms,{expected}\n1560271501000,1.5,\n"


def test_chosen_columns_leave_out_the_others(folder: Folder) -> None:
    content = "time,x,state\n1560271501,1.5,asleep\n1560271502,,awake\n1560271503,2,awake\n"
    status, document = folder.run("x.csv", content, "--columns", "x")
    assert (status, document["files"][0]["left_out"]) == (0, 1)
    written = Path(document["files"][0]["path"]).read_text()
    assert written == "1560271501000,1.5\n1560271503000,2\n"
