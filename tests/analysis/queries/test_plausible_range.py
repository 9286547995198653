"""The number of samples outside the plausible range, exact or extrapolated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from analysis.queries import plausible_range
from analysis.queries.plausible_range import Implausible, count_implausible
from analysis.queries.series import find_series
from identities.models import Identity
from identities.visibility import EVERYTHING
from ingest.measurement_types import Kind
from ingest.time_range import TimeRange
from tests.analysis.conftest import Get
from tests.analysis.queries.factories import make_series

START = 1_700_006_400_000  # the start of an hour
HOUR = 3_600_000
KIND = Kind("Heart rate", plausible_low=20, plausible_high=250)


def count(ward: Identity, kind: Kind = KIND, **ends: int) -> Implausible | None:
    return count_implausible(find_series(ward.name, "hr", EVERYTHING), TimeRange(**ends), kind)


@pytest.fixture
def odd(ward: Identity) -> dict[int, float]:
    """Five hours: plausible, wholly below, wholly above, mixed, mixed in blocks that interleave."""
    times = START + np.arange(0, 5 * HOUR, 60_000)
    values = np.full(300, 70.0)
    values[60:120] = 3
    values[120:180] = 300
    values[180:300:7] = 251
    values[181:300:9] = 19.5
    samples = dict(zip(times.tolist(), values.tolist(), strict=True))
    make_series(ward, "hr", samples, 3)
    return samples


@pytest.mark.parametrize("cut", [0, 90 * 60_000, HOUR + 7, 2 * HOUR + 30 * 60_000])
@pytest.mark.parametrize(("low", "high"), [(20, 250), (None, 250), (20, None), (70, 70)])
def test_every_implausible_sample_is_counted_once(
    ward: Identity, odd: dict[int, float], cut: int, low: float | None, high: float | None
) -> None:
    start, end = START + cut, START + 5 * HOUR - cut
    inside = [value for time, value in odd.items() if start <= time < end]
    below = sum(low is not None and value < low for value in inside)
    above = sum(high is not None and value > high for value in inside)
    kind = Kind("x", plausible_low=low, plausible_high=high)
    assert count(ward, kind, from_ms=start, to_ms=end) == Implausible(below, above)


def test_the_ends_of_the_range_are_plausible(ward: Identity) -> None:
    make_series(ward, "hr", {START: 20, START + 1: 250, START + 2: 19.999})
    assert count(ward) == Implausible(1, 0)


def test_without_a_plausible_range_there_is_no_count(ward: Identity, odd: dict[int, float]) -> None:
    assert count(ward, Kind("hr")) is None


def test_an_extrapolated_count_is_close_and_marked(
    ward: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = START + np.arange(0, 40 * HOUR, 30_000)
    values = np.where(np.arange(len(times)) % 10 == 0, 255, 70)
    make_series(ward, "hr", dict(zip(times.tolist(), values.tolist(), strict=True)))
    monkeypatch.setattr(plausible_range, "MAX_SAMPLES_READ", 1000)
    found = count(ward)
    assert found is not None
    assert not found.is_exact
    assert found.below == 0
    assert found.above == pytest.approx(len(times) / 10, rel=0.05)


def test_the_summary_has_the_count(get: Get, ward: Identity, odd: dict[int, float]) -> None:
    summary: dict[str, Any] = get("series/ward3-07/hr/summary").json()
    assert summary["implausible"] == {"below": 74, "above": 76, "is_exact": True}
    make_series(ward, "unknown", {START: 70})
    assert get("series/ward3-07/unknown/summary").json()["implausible"] is None
