"""Summary statistics: exact for short ranges, partly estimated for long ones."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.queries import summary
from analysis.queries.series import find_series
from analysis.queries.summary import Summary, summarise_series
from identities.models import Identity
from identities.visibility import EVERYTHING
from ingest.time_range import TimeRange
from tests.analysis.queries.factories import make_series

START = 1_700_000_000_000
HOUR = 3_600_000


def summarise(ward: Identity, **ends: int) -> Summary:
    return summarise_series(find_series(ward.name, "hr", EVERYTHING), TimeRange(**ends))[0]


def test_small_ranges_are_exact(ward: Identity) -> None:
    values = [60.0, 62, 61, 80, 64]
    make_series(ward, "hr", {START + 1000 * place: each for place, each in enumerate(values)})
    found = summarise(ward)
    assert (found.count, found.minimum, found.maximum, found.mean) == (5, 60, 80, 65.4)
    assert (found.p5, found.median, found.p95) == (60, 62, 80)
    assert found.is_exact
    assert found.gap is None
    assert found.interval_ms == 1000


def test_the_longest_gap_and_the_coverage(ward: Identity) -> None:
    times = [*range(0, 60_000, 1000), *range(120_000, 180_000, 1000)]
    make_series(ward, "hr", {START + time: 60 for time in times})
    found = summarise(ward, from_ms=START, to_ms=START + 240_000)
    assert found.gap is not None
    assert (found.gap.from_ms, found.gap.to_ms) == (START + 59_000, START + 120_000)
    assert found.coverage == pytest.approx(0.5)


def test_an_empty_range_has_no_statistics(ward: Identity) -> None:
    make_series(ward, "hr", {START: 60})
    found = summarise(ward, from_ms=START + 5, to_ms=START + 10)
    assert (found.count, found.coverage, found.median, found.gap) == (0, 0, None, None)


@pytest.mark.parametrize("interleaved", [1, 3])
@pytest.mark.parametrize("cut", [0, 700_000])
def test_long_ranges_have_exact_and_close_statistics(
    ward: Identity, monkeypatch: pytest.MonkeyPatch, interleaved: int, cut: int
) -> None:
    generator = np.random.default_rng(7)
    offsets = np.arange(0, 20 * HOUR, 10_000)
    offsets = offsets[(offsets < 5 * HOUR + 600_000) | (offsets > 5 * HOUR + 2_400_000)]
    values = generator.normal(70, 8, len(offsets)).round(1)
    samples = dict(zip((START + offsets).tolist(), values.tolist(), strict=True))
    make_series(ward, "hr", samples, interleaved)
    ends = {"from_ms": START + cut, "to_ms": START + 20 * HOUR - cut}
    exact = summarise(ward, **ends)
    monkeypatch.setattr(summary, "MAX_EXACT_SAMPLES", 100)
    guessed = summarise(ward, **ends)
    assert not guessed.is_exact
    for name in ("count", "first_ms", "last_ms", "minimum", "maximum", "gap", "interval_ms"):
        assert getattr(guessed, name) == getattr(exact, name), name
    assert guessed.mean == pytest.approx(exact.mean)
    assert guessed.coverage == pytest.approx(exact.coverage)
    assert guessed.median == pytest.approx(exact.median, abs=1)
