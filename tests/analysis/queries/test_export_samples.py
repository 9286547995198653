"""``manage.py export_samples``, the command."""

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet
import pytest
from django.core.management import CommandError, call_command

from identities.models import Identity
from ingest.models import SampleBlock
from tests.analysis.queries.factories import make_series
from tests.support.database import database_address
from tests.support.programs import run_program
from tests.support.stack import clean_environment

START = 1_700_000_000_000


def test_it_prints_only_csv(ward: Identity, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    make_series(ward, "hr", {START: 70, START + 500: 70.25})
    call_command("export_samples", "WARD3-07", "hr")
    assert (
        capsysbinary.readouterr().out
        == f"time_ms,value\n{START},70\n{START + 500},70.25\n".encode()
    )


def test_it_exports_only_the_range(
    ward: Identity, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
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
    time = datetime.fromtimestamp(START / 1000, UTC)
    table = pyarrow.parquet.read_table(target).to_pydict()
    assert table == {"time_ms": [START], "time": [time], "value": [70]}
    assert list(tmp_path.iterdir()) == [target]


def test_an_unwritable_file_gives_a_one_line_error(ward: Identity, tmp_path: Path) -> None:
    make_series(ward, "hr", {START: 70})
    with pytest.raises(CommandError, match="No such file or directory"):
        call_command("export_samples", "ward3-07", "hr", output=str(tmp_path / "no" / "hr.csv"))


@pytest.mark.parametrize("name", ["ibi", "h\0r", ""])
def test_an_unknown_series_gives_a_one_line_error(ward: Identity, name: str) -> None:
    make_series(ward, "hr", {START: 70})
    with pytest.raises(CommandError, match="There is no series") as caught:
        call_command("export_samples", "ward3-07", name)
    assert "\n" not in str(caught.value)


def test_an_invalid_range_names_the_option(ward: Identity) -> None:
    with pytest.raises(CommandError, match="--from"):
        call_command("export_samples", "ward3-07", "hr", "--from", "soon")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = clean_environment(DATABASE_URL=database_address())
    return run_program("manage.py", "export_samples", *arguments, environment=environment)


@pytest.fixture
def committed(live_db: None) -> Iterator[None]:
    """Commit a series, so that another process sees it, and delete it afterwards."""
    identity = Identity.objects.create(name="export-samples-program")
    make_series(identity, "hr", {START: 70})
    yield
    SampleBlock.objects.filter(identity=identity).delete()
    identity.delete()


def test_exit_codes_and_streams_follow_conventions(committed: None) -> None:
    good = run("export-samples-program", "hr")
    assert (good.returncode, good.stdout, good.stderr) == (0, f"time_ms,value\n{START},70\n", "")
    bad = run("export-samples-program", "nothing")
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr.count("\n") == 1
