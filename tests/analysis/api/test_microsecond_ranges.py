"""Ends of ranges are exact to the microsecond, in ISO 8601 and in epoch milliseconds."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from ingest.models import Measurement
from ingest.time_range import format_epoch
from tests.analysis.conftest import Get
from tests.ingest.maintenance.factories import MORNING, make_certificate, make_identity, send

FRACTIONS = (0, 1, 125, 126, 999, 1000, 1001, 2125)  # microseconds from MORNING
ENDS = (None, -1, 0, 1, 124, 125, 126, 500, 999, 1000, 1001, 1002, 3000)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def epoch(offset_us: int) -> str:
    return format_epoch(MORNING * 1000 + offset_us)


def iso(offset_us: int) -> str:
    return (_EPOCH + timedelta(microseconds=MORNING * 1000 + offset_us)).isoformat()


@pytest.fixture
def stored(db: None) -> str:
    """Store a series, and a measurement of two columns at the same times."""
    certificate = make_certificate(make_identity())
    times = [epoch(offset) for offset in FRACTIONS]
    send(certificate, "".join(f"{time},1\n" for time in times).encode(), "ecg")
    send(certificate, "".join(f"{time},1,2\n" for time in times).encode(), "acc")
    return certificate.identity.name


@pytest.mark.parametrize("write", [epoch, iso])
@pytest.mark.parametrize("name", ["ecg", "acc"])
def test_an_export_has_the_samples_of_its_range(
    get: Get, stored: str, name: str, write: Callable[[int], str]
) -> None:
    for start in ENDS:
        for end in ENDS:
            if start is not None and end is not None and start > end:
                continue
            asked = {"from_": start, "to": end}
            query = {key: write(us) for key, us in asked.items() if us is not None}
            answer = get(f"series/{stored}/{name}/samples", format="json", **query)
            found = json.loads(b"".join(answer.streaming_content))["samples"]
            assert [round(row[0] * 1000) - MORNING * 1000 for row in found] == [
                offset
                for offset in FRACTIONS
                if (start is None or start <= offset) and (end is None or offset < end)
            ], query


def test_the_provenance_names_the_exact_ends(get: Get, stored: str) -> None:
    answer = get(f"series/{stored}/ecg/samples", from_=epoch(125), to=epoch(1000))
    assert json.loads(answer["X-Provenance"])["from"].endswith(".000125Z")
    assert f"from={epoch(125)}&to={epoch(1000)}" in answer["Link"]


def test_whoever_polls_by_time_of_reception_skips_no_file(get: Get, stored: str) -> None:
    first, second = Measurement.objects.order_by("sequence")
    moment = datetime.now(UTC).replace(microsecond=250)  # an id begins with its time
    Measurement.objects.filter(pk=first.pk).update(received_at=moment)
    later = moment + timedelta(microseconds=1)
    Measurement.objects.filter(pk=second.pk).update(received_at=later)

    def names(**query: str) -> list[str]:
        return [row["name"] for row in get("measurements", **query).json()["results"]]

    assert names(received_from=moment.isoformat()) == [first.name, second.name]
    assert names(received_from=later.isoformat()) == [second.name]
    assert names(received_to=moment.isoformat()) == []
    assert names(received_to=later.isoformat()) == [first.name]
