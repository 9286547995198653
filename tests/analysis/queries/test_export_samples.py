"""``manage.py export_samples``, as a person runs it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet
import pytest
from django.core.management import CommandError, call_command

from device_endpoint.env import PROJECT_DIR
from identities.models import Identity
from ingest.models import SampleBlock
from tests.analysis.queries.factories import make_series
from tests.support.stack import clean_environment, database_address

START = 1_700_000_000_000


def test_it_prints_csv_and_nothing_else(
    ward: Identity, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    make_series(ward, "hr", {START: 70, START + 500: 70.25})
    call_command("export_samples", "WARD3-07", "hr")
    assert (
        capsysbinary.readouterr().out
        == f"time_ms,value\n{START},70\n{START + 500},70.25\n".encode()
    )


def test_it_keeps_to_the_range(ward: Identity, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    make_series(ward, "hr", {START: 70, START + 500: 71, START + 1000: 72})
    arguments = ["--from", "2023-11-14T22:13:20.500Z", "--to", str(START + 1000)]
    call_command("export_samples", "ward3-07", "hr", *arguments, "--format", "json")
    document = json.loads(capsysbinary.readouterr().out)
    assert document["samples"] == [[START + 500, 71]]
    assert document["provenance"]["from"] == "2023-11-14T22:13:20.500Z"


def test_it_writes_a_file(ward: Identity, tmp_path: Path) -> None:
    make_series(ward, "hr", {START: 70})
    target = tmp_path / "hr.parquet"
    call_command("export_samples", "ward3-07", "hr", format="parquet", output=str(target))
    assert pyarrow.parquet.read_table(target).to_pydict() == {"time_ms": [START], "value": [70]}
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_cannot_be_written_is_one_line(ward: Identity, tmp_path: Path) -> None:
    make_series(ward, "hr", {START: 70})
    with pytest.raises(CommandError, match="No such file or directory"):
        call_command("export_samples", "ward3-07", "hr", output=str(tmp_path / "no" / "hr.csv"))


@pytest.mark.parametrize("name", ["ibi", "h\0r", ""])
def test_an_unknown_series_is_one_line(ward: Identity, name: str) -> None:
    make_series(ward, "hr", {START: 70})
    with pytest.raises(CommandError, match="There is no series") as caught:
        call_command("export_samples", "ward3-07", name)
    assert "\n" not in str(caught.value)


def test_a_bad_range_names_the_option(ward: Identity) -> None:
    with pytest.raises(CommandError, match="--from"):
        call_command("export_samples", "ward3-07", "hr", "--from", "soon")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "export_samples", *arguments],
        cwd=PROJECT_DIR,
        env=clean_environment(DATABASE_URL=database_address()),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def committed(live_db: None) -> Iterator[None]:
    """Store a series that another process sees too, and take it away afterwards."""
    identity = Identity.objects.create(name="export-samples-program")
    make_series(identity, "hr", {START: 70})
    yield
    SampleBlock.objects.filter(identity=identity).delete()
    identity.delete()


def test_its_exit_code_and_streams_are_those_of_a_good_program(committed: None) -> None:
    good = run("export-samples-program", "hr")
    assert (good.returncode, good.stdout, good.stderr) == (0, f"time_ms,value\n{START},70\n", "")
    bad = run("export-samples-program", "nothing")
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr.count("\n") == 1
