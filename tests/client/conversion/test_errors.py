"""An export that cannot be converted gives an error with file, line and remedy, and no file."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from device_client.__main__ import main
from device_client.conversion.command import Writer
from device_client.conversion.source import ConversionError, Row, Source, Table
from tests.support.examples import IS_LONG_RUN

ACTIGRAPH = (
    "------------ Data File Created By ActiGraph GT3X+ date format M/d/yyyy at 30 Hz -----\n"
)
E4 = "1560279825.0, 1560279825.0, 1560279825.0\n32.0, 32.0, 32.0\n"


@pytest.mark.parametrize(
    ("content", "line", "remedy"),
    [
        ("time,x\n", 1, "no data follow the line of titles"),
        ("1560271501,1\n1560271502,1,2\n", 2, "3 cells, but 2 in the first line of data"),
        ("1560271501,1\n1560271502,1;2\n", 2, "'1560271502,1' is no time"),
        ("1560271501,1\n1560271502,high\n", 2, "column 2: 'high' is no number: correct the cell"),
        ("1560271501,1\n1560271502,inf\n", 2, "column 2: 'inf' is no number"),
        ("1560271501,1\n2019-06-11 18:45:01,1\n", 2, "--timezone Europe/Berlin"),
        ("2019-10-27 02:30:00,1\n", 1, "name the logger's"),
        ("1560271501\n", 1, "a time and no value"),
        ("1560271501,\n", 1, "the file holds no value"),
        ("x" * 70_000, 1, "the line is too long"),
        ("1560271501,1\n\0\0\0\0", 2, "NUL bytes"),
        (E4 + "1,2\n", 3, "2 values, but 3 in the first line"),
        (E4 + "1,2,0.5\n", 3, "'0.5' is no whole number: E4 exports are in 1/64 g"),
        ("1560279835.0, IBI\n1;2\n", 2, "expected an offset and an interval in seconds"),
        (ACTIGRAPH + "Start Time 16:15:00\n" * 40, 31, "the end of the header"),
        (ACTIGRAPH + "----\n1,2,3\n", 2, "export the file again with the header"),
    ],
)
def test_an_error_names_file_line_and_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, line: int, remedy: str
) -> None:
    export = tmp_path / "x.csv"
    export.write_text(content)
    assert main(["convert", "--to", str(tmp_path / "out"), str(export)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"{export}, line {line}: ")
    assert remedy in error
    assert error.count("\n") == 1
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--timezone", "Berlin"], "is no time zone"),
        (["--date-format", "MM/yyyy"], "is no date format"),
        (["--columns", "x,,y"], "'' is no column name"),
    ],
)
def test_an_invalid_option_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert main(["convert", "--to", str(tmp_path), *options, "x.csv"]) == 1
    assert message in capsys.readouterr().err


def test_an_empty_or_missing_export_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export = tmp_path / "x.csv"
    assert main(["convert", "--to", str(tmp_path), str(export)]) == 1
    assert capsys.readouterr().err == f"cannot read {export}: No such file or directory\n"
    export.touch()
    assert main(["convert", "--to", str(tmp_path), str(export)]) == 1
    assert capsys.readouterr().err == f"{export}: the file holds no data\n"


def test_utf_16_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export = tmp_path / "x.csv"
    export.write_text("1560271501,1\n", encoding="utf-16")
    assert main(["convert", "--to", str(tmp_path), str(export)]) == 1
    assert "save it as UTF-8" in capsys.readouterr().err


def test_an_existing_file_is_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export = tmp_path / "x.csv"
    export.write_text("1560271501,1\n")
    assert main(["convert", "--to", str(tmp_path), str(export)]) == 0
    assert main(["convert", "--to", str(tmp_path), str(export)]) == 1
    assert "exists: choose another folder" in capsys.readouterr().err


def test_an_error_after_many_files_leaves_none(tmp_path: Path) -> None:
    source = Source(tmp_path / "x.csv")

    def rows() -> Iterator[Row]:
        yield from ((second * 1_000_000, ["1", "2"]) for second in range(100))
        raise source.error("broken")

    with pytest.raises(ConversionError, match="broken"):
        Writer(tmp_path, max_values=10).write(Table("x", ["a", "b"], rows()), source)
    assert list(tmp_path.iterdir()) == []


def test_a_long_export_becomes_several_files(tmp_path: Path) -> None:
    rows = ((second * 1_000_000, ["1", "2"]) for second in range(100))
    written = Writer(tmp_path, max_values=60).write(
        Table("x", ["a", "b"], rows), Source(tmp_path / "x.csv")
    )
    assert [file.lines for file in written] == [30, 30, 30, 10]
    assert all(file.path.read_text().startswith("time_ms,a,b\n") for file in written)


def test_memory_does_not_grow_with_the_export(tmp_path: Path) -> None:
    export = tmp_path / "x.csv"
    with export.open("w") as file:
        for second in range(200_000 if IS_LONG_RUN else 60_000):
            file.write(f"{1_560_271_501 + second},1.5,2.5,3.5\n")
    tracemalloc.start()
    try:
        assert main(["convert", "--to", str(tmp_path / "out"), str(export)]) == 0
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000 < export.stat().st_size
