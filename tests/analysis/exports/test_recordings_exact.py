"""Recordings come back exactly: what an export holds is what the devices sent, byte for byte."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow.parquet
import pytest

from analysis.exports.formats import FORMATS
from analysis.queries.series import find_series
from analysis.queries.side_by_side import find_samples, read_parts
from analysis.queries.values_not_kept import list_values_not_kept
from identities.visibility import EVERYTHING
from ingest.time_range import TimeRange
from tests.ingest.maintenance.factories import make_certificate, make_identity, send

pytestmark = pytest.mark.usefixtures("live_db")
DATA = Path(__file__).parents[2] / "data"
RECORDINGS = ("hr_measurement_2019_06_11", "ibi_measurement_2019_06_11")


def store(recording: str, name: str) -> tuple[str, bytes]:
    """Upload a recording; return the identity's name and the bytes with LF as line ends."""
    content = (DATA / recording).read_bytes()
    device = make_certificate(make_identity())
    assert send(device, content, name).status == "stored"
    return str(device.identity.name), content.replace(b"\r\n", b"\n").rstrip(b"\n") + b"\n"


def export(identity: str, name: str, format_name: str) -> bytes:
    parts, columns = read_parts(find_samples(identity, name, EVERYTHING), TimeRange())
    return b"".join(FORMATS[format_name].encode(parts, None, columns))


@pytest.mark.parametrize("recording", RECORDINGS)
def test_series_in_milliseconds_are_exported_as_ever(recording: str) -> None:
    """Golden files: microseconds and columns change nothing of a series that has neither."""
    identity, content = store(recording, "m")
    assert export(identity, "m", "csv") == b"time_ms,value\n" + content
    rows = content.rstrip(b"\n").replace(b"\n", b"],\n[")
    assert export(identity, "m", "json") == b'{"samples": [\n[' + rows + b"]\n]}\n"


def test_three_axes_between_milliseconds_come_back_exactly() -> None:
    identity, content = store("acc_excerpt_2019_06_11", "acc")
    assert export(identity, "acc", "csv") == content.replace(b"time,", b"time_ms,", 1)
    sent = [list(map(float, line.split(b","))) for line in content.split()[1:]]
    assert json.loads(export(identity, "acc", "json"))["samples"] == sent
    table = pyarrow.parquet.read_table(io.BytesIO(export(identity, "acc", "parquet")))
    for place, axis in enumerate("xyz", start=1):
        assert table.column(axis).to_pylist() == [row[place] for row in sent]
    assert [time.timestamp() * 1000 for time in table.column("time").to_pylist()] == [
        row[0] for row in sent
    ]


def test_an_export_is_uploaded_again_as_identical_samples() -> None:
    device = make_certificate(make_identity())
    content = (DATA / "acc_excerpt_2019_06_11").read_bytes()
    first = send(device, content, "acc")
    again = send(device, export(device.identity.name, "acc", "csv"), "acc")
    assert (again.status, again.identical, again.new) == ("stored", first.samples, 0)


def test_every_line_of_an_electrocardiogram_is_kept_or_listed() -> None:
    identity, content = store("ecg_excerpt_2016_11_24", "ecg")
    sent: dict[int, list[float]] = {}
    for line in content.split():
        time_ms, value = line.split(b",")
        sent.setdefault(int(time_ms), []).append(float(value))
    kept = json.loads(export(identity, "ecg", "json"))["samples"]
    found = list_values_not_kept(find_series(identity, "ecg", EVERYTHING), TimeRange())
    listed = {time_us // 1000: values for time_us, values in found.times}
    assert {time_ms: [*listed.get(time_ms, []), value] for time_ms, value in kept} == sent
    assert found.is_complete
    assert found.repeated == 200 - len(kept) == sum(map(len, listed.values()))
